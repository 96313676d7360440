import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The system's limit of open files, which every connection counts against.
enum DescriptorLimit {
    /// What the rest of the house needs: the database, outbound connections, logs.
    private static let kept = 256

    /// Raises the limit as far as it may be raised, and says how many connections then fit. An accept that fails for want of a descriptor would end
    /// the listener, so that must not be left to chance.
    static func connections(wanted: Int, logger: Logger) -> Int {
        var limit = rlimit()
        #if canImport(Darwin)
            let resource = RLIMIT_NOFILE
        #else
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #endif
        guard getrlimit(resource, &limit) == 0 else { return wanted }
        let needed = rlim_t(wanted + kept)
        if limit.rlim_cur < needed, limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = min(needed, limit.rlim_max)
            _ = setrlimit(resource, &limit)
            _ = getrlimit(resource, &limit)
        }
        guard limit.rlim_cur < needed else { return wanted }
        let fits = max(16, Int(limit.rlim_cur) - kept)
        logger.notice(
            "fewer connections than configured: the system's limit of open files is too low",
            metadata: ["configured": .stringConvertible(wanted), "connections": .stringConvertible(fits)])
        return fits
    }
}
