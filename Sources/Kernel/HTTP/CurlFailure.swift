import CLibCurl
import PluginAPI

extension CurlTransfer {
    /// What a libcurl code means to a plugin. libcurl's own message is left out where it could quote the URL.
    func failure(for code: CURLcode) -> any Error {
        if let failure { return failure }
        let words = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return timeout
        case CURLE_COULDNT_RESOLVE_HOST: return PluginFailure.notReady(.unreachable, "the name of \(url.origin) cannot be resolved")
        case CURLE_COULDNT_RESOLVE_PROXY: return PluginFailure.notReady(.unreachable, "the name of the proxy cannot be resolved")
        case CURLE_COULDNT_CONNECT: return PluginFailure.notReady(.unreachable, "\(url.origin) takes no connection")
        case CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_HTTP2, CURLE_HTTP2_STREAM:
            return PluginFailure.notReady(.unreachable, "the connection to \(url.origin) broke before the answer was whole (\(words))")
        case CURLE_PEER_FAILED_VERIFICATION:
            return PluginFailure.notReady(
                .untrustedCertificate, "the certificate of \(url.origin) is not one to trust: expired, for another name, or self-signed")
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_INITFAILED:
            return PluginFailure.notReady(.unreachable, "\(url.origin) and Jack find no TLS in common (\(words))")
        case CURLE_SSL_CACERT_BADFILE:
            return PluginFailure.permanent(.configuration, "the file of certificate authorities cannot be read")
        // The scheme was checked before, so what is not supported is the server's way of answering.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING, CURLE_WRITE_ERROR:
            return PluginFailure.notReady(.malformedReply, "\(url.origin) answered with something that is not HTTP (\(words))")
        case CURLE_OUT_OF_MEMORY: return PluginFailure.notReady(.overloaded, "out of memory")
        case CURLE_URL_MALFORMAT: return PluginFailure.permanent(.invalidRequest, "the URL of the request is not an absolute URL")
        default: return PluginFailure.notReady(.unreachable, "the request to \(url.origin) failed (\(words))")
        }
    }

    var timeout: PluginFailure { .notReady(.timeout, "\(url.origin) did not answer within \(request.timeout.text)") }
}

extension PluginFailure.Reason {
    /// TLS could not be trusted.
    public static let untrustedCertificate: PluginFailure.Reason = "untrusted-certificate"
    /// More came than is allowed.
    public static let responseTooLarge: PluginFailure.Reason = "response-too-large"
}
