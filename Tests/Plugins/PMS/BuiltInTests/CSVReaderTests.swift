@testable import BuiltInPMS
import Testing

@Suite struct CSVReaderTests {
    private func read(_ text: String) -> CSVReader { CSVReader(Array(text.utf8)) }

    @Test(arguments: [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]), ("a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]]), ("a,b\r1,2", [["a", "b"], ["1", "2"]]),
        ("\u{feff}a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]]), ("a\tb\n1\t\"x\ty\"\n", [["a", "b"], ["1", "x\ty"]]),
        ("a,b\n\"x \"\"y\"\"\",\"1\n2\"\n", [["a", "b"], ["x \"y\"", "1\n2"]]), ("a,b\n\"\",\n", [["a", "b"], ["", ""]]),
        ("a,b\n1,2,,\n", [["a", "b"], ["1", "2"]]), ("a,b\n\n\n1,2\n\n", [["a", "b"], ["1", "2"]]),
        ("\"a,x\",b;c\n1,2", [["a,x", "b;c"], ["1", "2"]]),
        ("", []), ("\n\r\n", []), ("a", [["a"]]), ("ü,é\nß,漢\n", [["ü", "é"], ["ß", "漢"]]),
    ])
    func recordsAreRead(_ text: String, _ records: [[String]]) {
        let reader = read(text)
        #expect(reader.records.map(\.fields) == records && reader.problems.isEmpty)
    }

    @Test func linesAreCountedAsAnEditorDoes() {
        let reader = read("a,b\r\n\"1\r\n2\",x\r\n\r\n3,y\n")
        #expect(reader.records.map(\.line) == [1, 2, 5])
    }

    @Test(arguments: [
        ("a,b\n1\n3,4\n", "has 1 fields", [2], [1, 3]), ("a,b\n1,2,3\n3,4\n", "has 3 fields", [2], [1, 3]),
        ("a,b\n\"x\"y,2\n3,4\n", "text after a closing quote", [2], [1, 3]), ("a,b\n\"x,2\n3,4\n5,6\n", "not closed", [2], [1, 3, 4]),
        ("a,b\n\"x,2\n3,4\n\"5\",6\n", "text after a closing quote", [2], [1, 3, 4]),
    ])
    func aBrokenLineCostsOnlyItself(_ text: String, _ message: String, _ broken: [Int], _ good: [Int]) {
        let reader = read(text)
        #expect(reader.problems.map(\.line) == broken && reader.problems.allSatisfy { $0.message.contains(message) }, "\(reader.problems)")
        #expect(reader.records.map(\.line) == good)
    }

    @Test(.timeLimit(.minutes(1))) func quotesThatNobodyClosedAreNotReadForEver() {
        // One quote more than can be paired on each line, so that every line tries anew.
        let line = "\"" + String(repeating: "x", count: 500) + "\n"
        let reader = read("a,b\n" + line + String(repeating: String(repeating: "y", count: 500) + ",2\n", count: 1000))
        #expect(reader.problems.map(\.line) == [2] && reader.records.count == 1001)
    }
}
