import CLibCurl
import Foundation
import PluginAPI

/// Sets an easy handle up for a mail connection.
extension MailLink {
    /// Returns false where libcurl refuses an option, which only a lack of memory or a libcurl without TLS, SMTP or IMAP brings about.
    func configure(_ easy: UnsafeMutableRawPointer) -> Bool {
        self.easy = easy
        var sound = true
        func set(_ code: CURLcode) { sound = sound && code == CURLE_OK }

        set(jack_curl_set_text(easy, CURLOPT_URL, url))
        set(jack_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps,imap,imaps"))
        set(jack_curl_set_long(easy, CURLOPT_CONNECT_ONLY, 1))
        set(jack_curl_set_long(easy, CURLOPT_NOSIGNAL, 1))
        set(jack_curl_set_long(easy, CURLOPT_NOPROGRESS, 1))
        set(jack_curl_set_text(easy, CURLOPT_PROXY, ""))
        // STARTTLS or nothing: a server, or somebody before it, that offers none gets no password.
        set(jack_curl_set_long(easy, CURLOPT_USE_SSL, Int((server.security == .none ? CURLUSESSL_NONE : CURLUSESSL_ALL).rawValue)))
        set(jack_curl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1))
        set(jack_curl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2))
        set(jack_curl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)))
        if let authorities = server.certificateAuthorities {
            authorities.withUnsafeBytes { set(jack_curl_set_bytes(easy, CURLOPT_CAINFO_BLOB, $0.baseAddress, $0.count)) }
        } else if let file = policy.certificateAuthorities {
            set(jack_curl_set_text(easy, CURLOPT_CAINFO, file))
        }
        if let user = server.user {
            set(jack_curl_set_text(easy, CURLOPT_USERNAME, user))
            set(jack_curl_set_text(easy, CURLOPT_PASSWORD, server.password?.reveal() ?? ""))
        }
        // libcurl counts logging in as a part of connecting.
        set(jack_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(server.timeout.milliseconds))))
        set(jack_curl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1))
        set(jack_curl_set_long(easy, CURLOPT_TCP_KEEPIDLE, 60))

        let this = Unmanaged.passUnretained(self).toOpaque()
        set(jack_curl_set_pointer(easy, CURLOPT_PRIVATE, this))
        set(jack_curl_set_pointer(easy, CURLOPT_HEADERDATA, this))
        set(jack_curl_set_pointer(easy, CURLOPT_WRITEDATA, this))
        set(jack_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, this))
        // libcurl hands the lines of the answers to the one, and without the other would print what is left on the standard output.
        for option in [CURLOPT_HEADERFUNCTION, CURLOPT_WRITEFUNCTION] {
            set(
                jack_curl_set_receiver(easy, option) { bytes, size, count, this in
                    guard let link = MailLink.from(this), let bytes else { return 0 }
                    return bytes.withMemoryRebound(to: UInt8.self, capacity: size * count) {
                        link.hear(UnsafeBufferPointer(start: $0, count: size * count)) ? size * count : 0
                    }
                })
        }
        set(
            jack_curl_set_open_socket(easy) { this, _, address in
                guard let link = MailLink.from(this), let address else { return -1 }
                // The struct ends with a `sockaddr`, behind which libcurl keeps the rest of a longer address; a copy would lose that.
                let start = UnsafeRawPointer(address) + (MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0)
                let internet = InternetAddress(start.assumingMemoryBound(to: sockaddr.self), length: Int(address.pointee.addrlen))
                guard link.allows(internet) else { return -1 }
                return socket(address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
            })
        return sound
    }

    /// The path is the name that libcurl says in EHLO.
    private var url: String {
        let scheme = kind.rawValue + (server.security == .tls ? "s" : "")
        let host = server.host.contains(":") ? "[\(server.host)]" : server.host
        let name = kind == .smtp ? server.clientName.map { $0.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-.".contains($0)) } } : nil
        return "\(scheme)://\(host):\(server.port)/\(name ?? "")"
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> MailLink? {
        pointer.map { Unmanaged<MailLink>.fromOpaque($0).takeUnretainedValue() }
    }

    /// What a libcurl code means to a plugin.
    func failure(for code: CURLcode) -> any Error {
        if let refusal { return refusal }
        let words = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_LOGIN_DENIED: return loginFailure
        case CURLE_OPERATION_TIMEDOUT: return PluginFailure.notReady(.timeout, "\(origin) did not answer within \(server.timeout.text)")
        case CURLE_COULDNT_RESOLVE_HOST: return PluginFailure.notReady(.unreachable, "the name of \(origin) cannot be resolved")
        case CURLE_COULDNT_CONNECT: return PluginFailure.notReady(.unreachable, "\(origin) takes no connection")
        case CURLE_PEER_FAILED_VERIFICATION:
            return PluginFailure.notReady(
                .untrustedCertificate, "the certificate of \(origin) is not one to trust: expired, for another name, or self-signed")
        case CURLE_USE_SSL_FAILED:
            return PluginFailure.notReady(.untrustedCertificate, "\(origin) offers no STARTTLS, without which Jack does not go on")
        case CURLE_SSL_CACERT_BADFILE:
            return PluginFailure.permanent(.configuration, "the certificate authorities for \(origin) cannot be read as PEM")
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_INITFAILED:
            return PluginFailure.notReady(.unreachable, "\(origin) and Jack find no TLS in common (\(words))")
        case CURLE_WEIRD_SERVER_REPLY:
            return PluginFailure.notReady(.malformedReply, "\(origin) does not greet as a mail server does (\(words))")
        case CURLE_OUT_OF_MEMORY: return PluginFailure.notReady(.overloaded, "out of memory")
        default: return PluginFailure.notReady(.unreachable, "the connection to \(origin) failed (\(words))")
        }
    }

    /// libcurl calls every refusal of a login denied, a passing one too.
    private var loginFailure: PluginFailure {
        let lines = String(decoding: greeting, as: UTF8.self).split(whereSeparator: \.isNewline)
        let last = (lines.last ?? "").uppercased()
        let isPassing = kind == .smtp ? last.hasPrefix("4") : ["[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]"].contains { last.contains($0) }
        if isPassing { return .notReady(.overloaded, "\(origin) cannot check the login right now") }
        return .credentialsRejected("\(origin) does not accept the user's name and password")
    }
}
