import PluginAPI
import Testing

@testable import Host

/// A chat that is fed by a program ends when all its questions are answered.
@Suite struct OpenQuestionsTests {
    @Test func eachAnswerAndRefusalSettlesItsOwnQuestion() async {
        let questions = OpenQuestions()
        for id in ["a", "b", "c"] { questions.ask(id) }
        questions.note(["type": "ack", "id": "a"])
        questions.note(["type": "message", "id": "msg_0", "from": "staff", "text": "unasked"])
        #expect(questions.count == 3, "that it is on disk is no answer")
        questions.note(["type": "message", "id": "msg_1", "in_reply_to": "b", "text": "Yes."])
        questions.note(["type": "message", "id": "msg_2", "in_reply_to": "b", "text": "And more."])
        questions.note(["type": "error", "id": "c", "code": "rate_limited", "message": "too many"])
        #expect(questions.count == 1)
        let waiting = Task { await questions.untilAnswered() }
        questions.note(["type": "message", "id": "msg_3", "in_reply_to": "a", "text": "No."])
        await waiting.value
        #expect(questions.count == 0)
        await questions.untilAnswered()
    }

    @Test func aConnectionThatEndsLeavesThemOpen() async {
        let questions = OpenQuestions()
        questions.ask("a")
        let waiting = Task { await questions.untilAnswered() }
        questions.end()
        await waiting.value
        #expect(questions.count == 1)
    }

    @Test func whoWaitsCanBeStopped() async {
        let questions = OpenQuestions()
        questions.ask("a")
        let waiting = Task { await questions.untilAnswered() }
        waiting.cancel()
        await waiting.value
        #expect(questions.count == 1)
    }
}
