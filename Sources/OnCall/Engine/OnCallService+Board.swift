import Foundation
import Kernel
import PluginAPI
import Synchronization

extension OnCallService {
    public var receivers: [String] { state.withLock { $0.source.receivers } }
    public var configurationText: String { state.withLock { $0.source.text } }
    public var startedAt: Date { state.withLock { $0.startedAt } }

    @discardableResult
    public func take(_ alerts: [PostedAlert]) async throws -> [AlertRefusal] {
        // Looked at before it is the loop's turn: what is refused costs nobody else anything.
        let (fitted, unfit) = parts.limits.fit(alerts)
        guard !fitted.isEmpty else { return unfit }
        let sound = fitted.map(\.alert)
        let late = try await perform { core, now in core.take(sound, at: now) }
        return (unfit + late.map { AlertRefusal(place: fitted[$0.place].place, error: $0.error) }).sorted { $0.place < $1.place }
    }

    /// Takes an alert of Jack's own: ``Kernel/AlertIntake/route(_:)``.
    public func take(_ alert: Alert) async throws {
        meter.routed(alert)
        try await perform { core, now in core.raise(alert, at: now) }
    }

    public func alerts(matching matchers: [LabelMatcher]) async throws -> [AlertView] {
        // A copy, so that nobody waits while a long list is made.
        var core = state.withLock { $0.core }
        return core.alertViews(matching: matchers, at: parts.clock.now)
    }

    public func groups(matching matchers: [LabelMatcher]) async throws -> [AlertGroupView] {
        var core = state.withLock { $0.core }
        return core.groupViews(matching: matchers, at: parts.clock.now)
    }

    public func set(_ silence: Silence) async throws -> String { try await perform { core, now in try core.set(silence, at: now) } }

    public func expireSilence(_ id: String) async throws { try await perform { core, now in try core.expireSilence(id, at: now) } }

    public func silences(matching matchers: [LabelMatcher]) async throws -> [Silence] {
        let core = state.withLock { $0.core }
        return core.silenceViews(matching: matchers, at: parts.clock.now)
    }

    /// What people are being told of, and when the next step is.
    public var openMatters: [OpenMatter] { state.withLock { $0.core }.openMatters }

    public var figures: OnCallFigures { state.withLock { $0.core }.figures }

    /// The version of the plan that new matters go by.
    public var planVersion: String { state.withLock { $0.source.plan.version } }

    /// Takes a new plan. What people are being told of goes on by the plan with which it began.
    /// - Throws: ``Kernel/StorageError`` where it is not stored yet: it is in force, and storing is tried again.
    public func change(to source: OnCallPlanSource) async throws {
        if let failure = await take(source) { throw failure }
    }

    /// Takes a new plan, which cannot fail: what cannot be stored is in force all the same, and is tried again each second.
    /// - Returns: why it is not stored yet.
    @discardableResult
    public func take(_ source: OnCallPlanSource) async -> (any Error)? {
        state.withLock { state in
            state.source = source
            state.archives[source.plan.version] = source.archive
        }
        return await attempt { core, now in core.change(to: source.plan, at: now) }.failure
    }

    /// How long news waits to be told together, from now on: ``OnCallLimits/newsWindow``.
    public func tellNewsTogether(within window: Duration) { state.withLock { $0.core.limits.newsWindow = window.seconds } }

    // MARK: Answers

    /// Takes a person's answer: the command line, and whoever has made sure who it is.
    public func answer(_ answer: OnCallAnswer) async -> AnswerOutcome {
        let (value, _) = await attempt { core, now in core.answer(answer, at: now) }
        return (try? value.get()) ?? AnswerOutcome(status: .unknown, text: "on call is not running")
    }

    /// Takes what a sink or a channel says that a person answered.
    public func answer(_ answer: PageAnswer) async throws {
        let told = answer.answer, by = told.by ?? ""
        let reference = told.reference.trimmingCharacters(in: .whitespacesAndNewlines)
        // What a sink knows of its own pages needs no code; what a person typed does.
        let isOurs = reference.hasPrefix("page_") || reference.hasPrefix(OnCallCore.ownOrigin)
        let next = OnCallAnswer(
            told.action, isOurs ? .reference(reference) : .code(reference), by: by.isEmpty ? "somebody" : by, way: "through \(answer.instance)",
            sender: "\(answer.instance)|\(by)")
        try await perform { core, now in
            let outcome = core.answer(next, at: now)
            if !isOurs { core.reply(outcome, to: by, through: answer.instance, at: now) }
        }
    }

    /// How what a page told of stands now: ``PluginAPI/PageAccess``.
    public func standing(of page: String) -> PageStanding? { state.withLock { $0.core.standing(of: page, at: parts.clock.now) } }

    /// What a link says, without doing it: the page that asks `Acknowledge?`.
    /// - Throws: ``AnswerLinks/Refusal``.
    public func look(at token: String) throws -> (claims: AnswerLinks.Claims, matter: OpenMatter?) {
        guard let links = parts.links else { throw AnswerLinks.Refusal.forged }
        let claims = try links.verify(token, at: parts.clock.now)
        return (claims, openMatters.first { $0.id == claims.matter })
    }

    /// Does what a link says. A link that acknowledges may also resolve or pass on: its holder was paged.
    /// - Parameter action: what the holder chose; nil for what the link says.
    public func answer(link token: String, action: PageAcknowledgement.Action? = nil) async -> AnswerOutcome {
        do {
            guard let links = parts.links else { throw AnswerLinks.Refusal.forged }
            let claims = try links.verify(token, at: parts.clock.now)
            return await answer(OnCallAnswer(action ?? claims.action, .reference(claims.matter), by: claims.recipient, way: "link"))
        } catch {
            let isExpired = error as? AnswerLinks.Refusal == .expired
            let outcome = AnswerOutcome(
                status: isExpired ? .expired : .forged, text: (isExpired ? AnswerLinks.Refusal.expired : .forged).rawValue)
            let (value, _) = await attempt { core, now in core.refuse(outcome, way: "link", at: now) }
            _ = value
            return outcome
        }
    }

    // MARK: Pages on their way

    public func leaving(_ order: PageOrder) async -> PageLeave {
        state.withLock { state in
            if let reason = state.core.withdrawal(of: order, at: parts.clock.now) {
                state.fresh.remove(order.page.id)
                return .withdrawn(reason: reason)
            }
            return .leave(mayRepeat: order.verb == .page && !state.fresh.contains(order.page.id))
        }
    }

    /// An order left past the outbox. Only of a page it is known that a sink sends it.
    func delivered(_ order: PageOrder, through instance: String) async {
        await delivered(order, through: instance, order.verb == .page ? PageReceipt() : .nothing)
    }

    public func delivered(_ order: PageOrder, through instance: String, _ receipt: PageReceipt) async {
        let mustHear = state.withLock { state in
            state.fresh.remove(order.page.id)
            return state.core.mustHear(of: order, through: instance, at: parts.clock.now)
        }
        meter.delivered(through: instance)
        guard mustHear, receipt.isSent else { return }
        _ = await attempt { core, now in core.delivered(order, through: instance, at: now) }
    }

    public func failed(_ order: PageOrder, through instance: String, _ failure: String) async -> Bool {
        let (value, _) = await attempt { core, now in core.failed(order, through: instance, failure, at: now) }
        let isTaken = (try? value.get()) ?? false
        if isTaken { state.withLock { _ = $0.fresh.remove(order.page.id) } }
        return isTaken
    }

    /// Takes what a vendor says of a page that has left.
    public func note(_ outcome: PageOutcome) async throws {
        guard outcome.state == .failed else { return }
        try await perform { core, now in
            core.reachedNobody(outcome.page, through: outcome.instance, outcome.reason ?? "it reached nobody", at: now)
        }
    }

    // MARK: Joining the house

    /// Takes Jack's own alerts and people's answers from the kernel from now on.
    public func attach(to kernel: JackKernel) {
        kernel.alerts.route { [weak self] alert in try await self?.take(alert) }
        kernel.tellOfPages { [weak self] page in self?.standing(of: page) }
        kernel.keepHouse { [weak self] in try await self?.forgetHistory() }
        kernel.jobs.register(AlertIntake.answerKind) { [weak self] payload in
            try await self?.answer(JSONDecoder().decode(PageAnswer.self, from: Data(payload)))
        }
        kernel.jobs.register(AlertIntake.outcomeKind) { [weak self] payload in
            try await self?.note(JSONDecoder().decode(PageOutcome.self, from: Data(payload)))
        }
    }
}
