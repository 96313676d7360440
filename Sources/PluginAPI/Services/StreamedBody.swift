extension StreamedResponse {
    /// Reads what is left of the body, at most `maximumBytes`; what is longer is cut and the transfer ended.
    ///
    /// For the explanation that comes with a status other than 2xx.
    /// - Throws: ``PluginFailure`` where the connection breaks.
    public func collected(maximumBytes: Int = 64 << 10) async throws -> ClientResponse {
        var bytes: [UInt8] = []
        for try await piece in body {
            bytes += piece.prefix(maximumBytes - bytes.count)
            if bytes.count >= maximumBytes { break }
        }
        return ClientResponse(status: status, headers: headers, body: bytes)
    }
}
