import CLibCurl
import Foundation
import HTTPTypes
import PluginAPI

/// Sets an easy handle up for a transfer. The handle must be a new one or have been reset.
extension CurlTransfer {
    /// Returns false where libcurl refuses an option, which only a lack of memory or a libcurl without TLS or HTTP brings about.
    func configure(_ easy: UnsafeMutableRawPointer) -> Bool {
        self.easy = easy
        var sound = true
        func set(_ code: CURLcode) { sound = sound && code == CURLE_OK }

        set(jack_curl_set_text(easy, CURLOPT_URL, url.text))
        set(jack_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https"))
        set(jack_curl_set_long(easy, CURLOPT_NOSIGNAL, 1))
        set(jack_curl_set_long(easy, CURLOPT_NOPROGRESS, 1))
        set(jack_curl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0))
        set(jack_curl_set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1))
        set(jack_curl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS)))
        set(jack_curl_set_text(easy, CURLOPT_USERAGENT, "jack"))
        // An empty text, unlike no text, keeps the environment's proxy out.
        set(jack_curl_set_text(easy, CURLOPT_PROXY, policy.proxy ?? ""))

        set(jack_curl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1))
        set(jack_curl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2))
        set(jack_curl_set_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)))
        if let file = policy.certificateAuthorities { set(jack_curl_set_text(easy, CURLOPT_CAINFO, file)) }

        // Zero would mean libcurl's own default, or for ever.
        set(jack_curl_set_long(easy, CURLOPT_TIMEOUT_MS, max(1, Int(request.timeout.milliseconds))))
        set(jack_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(policy.connectTimeout.milliseconds))))
        set(jack_curl_set_long(easy, CURLOPT_TCP_KEEPALIVE, 1))

        setMethod(easy, set)
        setHeaders(easy, set)
        setCallbacks(easy, set)
        return sound
    }

    private func setMethod(_ easy: UnsafeMutableRawPointer, _ set: (CURLcode) -> Void) {
        let method = request.method
        if method == .head {
            set(jack_curl_set_long(easy, CURLOPT_NOBODY, 1))
        } else if request.body.isEmpty, ![.post, .put, .patch].contains(method) {
            set(jack_curl_set_long(easy, CURLOPT_HTTPGET, 1))
        } else {
            set(jack_curl_set_long(easy, CURLOPT_POST, 1))
            set(jack_curl_set_large(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count)))
            // Copied, because the array's own memory may move.
            request.body.withUnsafeBytes { bytes in
                set(jack_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) }))
            }
        }
        if ![.get, .head].contains(method) || !request.body.isEmpty { set(jack_curl_set_text(easy, CURLOPT_CUSTOMREQUEST, method.rawValue)) }
    }

    private func setHeaders(_ easy: UnsafeMutableRawPointer, _ set: (CURLcode) -> Void) {
        // Without these two libcurl would wait for `100 Continue`, and would call every body a form.
        var lines = ["Expect:"]
        if request.headers[.contentType] == nil { lines.append("Content-Type:") }
        // How the body is framed is libcurl's to say.
        for field in request.headers where ![.contentLength, .transferEncoding, .connection].contains(field.name) {
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        for line in lines {
            guard let list = curl_slist_append(headerList, line) else { return set(CURLE_OUT_OF_MEMORY) }
            headerList = list
        }
        set(jack_curl_set_headers(easy, headerList))
    }

    private func setCallbacks(_ easy: UnsafeMutableRawPointer, _ set: (CURLcode) -> Void) {
        // Not retained: the engine holds the transfer for as long as the handle is in use.
        let this = Unmanaged.passUnretained(self).toOpaque()
        set(jack_curl_set_pointer(easy, CURLOPT_PRIVATE, this))
        set(jack_curl_set_pointer(easy, CURLOPT_HEADERDATA, this))
        set(jack_curl_set_pointer(easy, CURLOPT_WRITEDATA, this))
        set(jack_curl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, this))
        set(jack_curl_set_pointer(easy, CURLOPT_PREREQDATA, this))

        set(
            jack_curl_set_receiver(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, this in
                guard let transfer = CurlTransfer.from(this), let bytes else { return 0 }
                return bytes.withMemoryRebound(to: UInt8.self, capacity: size * count) {
                    transfer.receive(line: UnsafeBufferPointer(start: $0, count: size * count)) ? size * count : 0
                }
            })
        set(
            jack_curl_set_receiver(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, this in
                guard let transfer = CurlTransfer.from(this), let bytes else { return 0 }
                if size * count == 0 { return 0 }
                let reception = bytes.withMemoryRebound(to: UInt8.self, capacity: size * count) {
                    transfer.receive(piece: UnsafeBufferPointer(start: $0, count: size * count))
                }
                return switch reception {
                case .taken: size * count
                case .paused: Int(CURL_WRITEFUNC_PAUSE)
                case .ended: 0
                }
            })
        // Asked before a connection is made…
        set(
            jack_curl_set_open_socket(easy) { this, _, address in
                guard let transfer = CurlTransfer.from(this), let address else { return -1 }
                // The struct ends with a `sockaddr`, behind which libcurl keeps the rest of a longer address; a copy would lose that.
                let start = UnsafeRawPointer(address) + (MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0)
                let internet = InternetAddress(start.assumingMemoryBound(to: sockaddr.self), length: Int(address.pointee.addrlen))
                guard transfer.allows(internet) else { return -1 }
                return socket(address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
            })
        // …and before each request, also on a connection that another instance made under another policy.
        set(
            jack_curl_set_before_request(easy) { this, address, _, _, _ in
                guard let transfer = CurlTransfer.from(this), let address else { return CURL_PREREQFUNC_ABORT }
                return transfer.allows(InternetAddress(String(cString: address))) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            })
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> CurlTransfer? {
        pointer.map { Unmanaged<CurlTransfer>.fromOpaque($0).takeUnretainedValue() }
    }
}
