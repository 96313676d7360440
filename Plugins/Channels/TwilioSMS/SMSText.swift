/// How many segments a text needs (3GPP TS 23.038 and 23.040): what carriers carry, and Twilio bills.
enum SMSText {
    /// The default alphabet, each character of one septet.
    private static let basic = Set(
        """
        @£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà
        """.unicodeScalars)
    /// The extension table: an escape before each.
    private static let extended = Set("\u{0C}^{}\\[~]|€".unicodeScalars)

    /// True where the whole text can be written in the default alphabet.
    static func isGSM(_ text: String) -> Bool { text.unicodeScalars.allSatisfy { basic.contains($0) || extended.contains($0) } }

    /// 160 septets in one segment and 153 in each of several; with any other character 70 and 67 units of UTF-16. An escape or a surrogate pair is not cut.
    static func segments(_ text: String) -> Int {
        guard !text.isEmpty else { return 1 }
        if isGSM(text) { return count(text.unicodeScalars.map { extended.contains($0) ? 2 : 1 }, one: 160, each: 153) }
        return count(text.unicodeScalars.map { $0.value > 0xFFFF ? 2 : 1 }, one: 70, each: 67)
    }

    private static func count(_ lengths: [Int], one: Int, each: Int) -> Int {
        guard lengths.reduce(0, +) > one else { return 1 }
        var segments = 1, used = 0
        for length in lengths {
            if used + length > each { (segments, used) = (segments + 1, 0) }
            used += length
        }
        return segments
    }
}
