import Foundation
import PluginAPI

/// What the hotel's own mail server has found out of a mail's sender, as far as it is certain that it was that server who wrote it.
///
/// A sender may write any field into a mail, `Authentication-Results` in the server's name included. They cannot write above the `Received` field
/// that the hotel's server puts on top of what it takes. So:
///
/// 1. Fields of the trusted server above the topmost `Received` count, all of them.
/// 2. Only where there is none and the operator says that servers of the hotel's put `Received` fields above it (`received_above`), the topmost field of
///    the trusted server counts, if no more `Received` fields than that stand above it; never a second one below it.
/// 3. Everything else is the sender's word. Without any `Received` field nothing counts.
///
/// Of what counts, `dmarc=pass` proves the domain that it names; where there is no DMARC policy, `dkim=pass` or `spf=pass` for the domain of `From`,
/// or for one above it. A `dmarc` that is neither passed nor `none` ends it. And the mail must have one `From` with one address, which is the peer's.
struct MailAuthentication {
    let server: String
    let receivedAbove: Int

    init(_ settings: AuthenticationSettings) {
        server = settings.server.lowercased()
        receivedAbove = settings.receivedAbove
    }

    /// - Parameter peer: the address in question, in lower case.
    func assurance(of peer: String, in head: MailHead) -> SenderAssurance {
        guard let from = Self.onlyAddress(head.values("from")) else { return .claimed("the mail does not name one sender plainly") }
        guard from.key == peer else { return .claimed("the mail is from another address than it asks to be answered at") }
        switch counted(head) {
        case .none: return .claimed("\(server) says nothing of the sender where nobody else can write")
        case .unreadable: return .claimed("what \(server) says of the sender cannot be read")
        case .results(let results): return judge(results, domain: Self.normal(from.domain))
        }
    }

    // MARK: What counts

    private enum Counted {
        case none, unreadable
        case results([AuthenticationResults.Result])
    }

    private func counted(_ head: MailHead) -> Counted {
        var received = 0, found: [[UInt8]] = []
        for field in head.fields {
            if field.name == "received" {
                received += 1
                if !found.isEmpty || received > receivedAbove { break }
            } else if field.name == "authentication-results", AuthenticationResults.server(of: field.value) == server {
                found.append(field.value)
                if received > 0 { break }
            }
        }
        guard !found.isEmpty, head.value("received") != nil else { return .none }
        var results: [AuthenticationResults.Result] = []
        for value in found {
            guard let read = AuthenticationResults(value) else { return .unreadable }
            results += read.results
        }
        return .results(results)
    }

    // MARK: What it says

    private func judge(_ results: [AuthenticationResults.Result], domain: String) -> SenderAssurance {
        let dmarc = results.filter { $0.method == "dmarc" }
        if let other = dmarc.first(where: { $0.result != "pass" && $0.result != "none" }) {
            return .claimed("\(server) says dmarc=\(Self.word(other.result))")
        }
        if dmarc.contains(where: { $0.result == "pass" }) {
            let isAbout = dmarc.allSatisfy { $0.result == "pass" && $0.properties["header.from"].map { Self.normal($0) == domain } ?? false }
            return isAbout ? .proven("\(server) says dmarc=pass") : .claimed("\(server) says dmarc=pass of another domain")
        }
        let signed = results.contains { result in
            guard result.method == "dkim", result.result == "pass" else { return false }
            return (result.properties["header.d"] ?? result.properties["header.i"].map(Self.afterAt)).map { Self.vouches($0, for: domain) } ?? false
        }
        if signed { return .proven("\(server) says dkim=pass") }
        let senders = results.filter { $0.method == "spf" && $0.properties["smtp.mailfrom"] != nil }
        let isSent =
            !senders.isEmpty
            && senders.allSatisfy { $0.result == "pass" && Self.vouches(Self.afterAt($0.properties["smtp.mailfrom"] ?? ""), for: domain) }
        if isSent { return .proven("\(server) says spf=pass") }
        return .claimed("\(server) has not found that the mail is of the domain that it names")
    }

    /// A domain vouches for itself and for those below it. One below does not vouch for those above: on some domains everybody has one.
    private static func vouches(_ authenticated: String, for domain: String) -> Bool {
        let name = normal(authenticated)
        return name.contains(".") && (domain == name || domain.hasSuffix("." + name))
    }

    private static func afterAt(_ text: String) -> String { text.lastIndex(of: "@").map { String(text[text.index(after: $0)...]) } ?? text }

    private static func normal(_ domain: String) -> String {
        let name = domain.lowercased()
        return name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    /// A server's word for the ledger; anything that is none of RFC 8601's is not repeated.
    private static func word(_ result: String) -> String {
        ["fail", "softfail", "hardfail", "neutral", "policy", "temperror", "permerror"].contains(result) ? result : "something else than pass"
    }

    // MARK: From

    /// The address of a `From` that no two programs can read differently: one field, one address, and nothing around it but a name.
    static func onlyAddress(_ fields: [[UInt8]]) -> MailAddress? {
        guard fields.count == 1, let value = fields.first else { return nil }
        var isQuoted = false, isEscaped = false, open: Int?, close: Int?
        for (index, byte) in value.enumerated() {
            if isEscaped {
                isEscaped = false
            } else if byte == 92 {
                guard isQuoted else { return nil }
                isEscaped = true
            } else if byte == 34 {
                isQuoted.toggle()
            } else if !isQuoted {
                switch byte {
                // Comments, lists and groups.
                case 40, 41, 44, 58, 59: return nil
                case 60:
                    guard open == nil else { return nil }
                    open = index
                case 62:
                    guard open != nil, close == nil else { return nil }
                    close = index
                default: break
                }
            }
        }
        guard !isQuoted, (open == nil) == (close == nil) else { return nil }
        if let close, !MIMEBytes.trimmed(value[(close + 1)...]).isEmpty { return nil }
        let inner = MIMEBytes.trimmed(open.map { value[($0 + 1)..<(close ?? $0 + 1)] } ?? value[...])
        guard !inner.contains(34), !inner.contains(32), !inner.contains(9) else { return nil }
        let found = MailAddress.parse(Array(inner), limit: 2)
        guard found.count == 1, let address = found.first, address.key == String(decoding: inner, as: UTF8.self).lowercased() else { return nil }
        return address
    }
}
