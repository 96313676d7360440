/// The words by which people leave and come back (“Twilio support for opt-out keywords”): Twilio acts on them itself, and passes them on.
enum OptOutWords {
    enum Meaning: Sendable, Hashable { case leaves, returns }

    /// Nothing but leaving can be meant.
    private static let leaving: Set<String> = ["stop", "stopall", "unsubscribe", "revoke", "optout", "arret", "arrêt", "arrete"]
    /// Twilio takes these for leaving too. A guest may mean something else by them, and a person should see it.
    private static let leavingPerhaps: Set<String> = ["cancel", "end", "quit"]
    private static let returning: Set<String> = ["start", "unstop"]
    /// Twilio takes it for coming back; mostly it answers a question.
    private static let returningPerhaps: Set<String> = ["yes"]

    /// What a text means: only a text of the one word counts.
    /// - Returns: nil for any other text; `isMessage` where it is to be read as a guest's message too.
    static func read(_ text: String) -> (meaning: Meaning, isMessage: Bool)? {
        var word = text.lowercased()[...]
        while word.first?.isWhitespace == true { word.removeFirst() }
        while word.last?.isWhitespace == true { word.removeLast() }
        let name = String(word)
        if leaving.contains(name) { return (.leaves, false) }
        if leavingPerhaps.contains(name) { return (.leaves, true) }
        if returning.contains(name) { return (.returns, false) }
        if returningPerhaps.contains(name) { return (.returns, true) }
        return nil
    }
}
