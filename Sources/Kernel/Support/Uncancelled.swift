/// Does work to its end even where the task that asks is cancelled: what has happened must be written down.
func uncancelled<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T { try await Task { try await work() }.value }
