import Foundation
import Logging
import PluginAPI

/// A ``PluginContext`` for tests, with every service in memory and in the test's hands.
///
/// ```swift
/// let test = TestContext()
/// let plugin = try test.make(MyChannel.self, ["token": "a-secret-of-enough-length"])
/// try await plugin.start()
/// #expect(!test.logs.contains("a-secret-of-enough-length"))
/// ```
public struct TestContext: Sendable {
    public let clock: VirtualClock
    public let storage: MemoryKeyValueStore
    public let secrets: MemorySecretStore
    public let scheduler: ManualScheduler
    public let inbound: RecordingInboundPort
    public let health: RecordingHealthReporter
    public let logs: LogRecorder
    public let metrics: MemoryMetrics
    public let files: MemoryFiles
    public let mail: MemoryMail
    public let channels: MemoryChannels
    public let pages: MemoryPages
    /// What a plugin is given.
    public let context: PluginContext

    /// - Parameters:
    ///   - instance: the instance's name.
    ///   - property: the hotel.
    ///   - clock: a clock to share with others; by default one of its own.
    ///   - http: the client; by default one that refuses every request.
    public init(
        instance: String = "test", property: PropertyInfo = .sample, clock: VirtualClock = VirtualClock(), http: any HTTPClient = ScriptedHTTPClient()
    ) {
        self.clock = clock
        storage = MemoryKeyValueStore(clock: clock)
        secrets = MemorySecretStore()
        scheduler = ManualScheduler()
        inbound = RecordingInboundPort()
        health = RecordingHealthReporter()
        logs = LogRecorder()
        metrics = MemoryMetrics()
        files = MemoryFiles(clock: clock)
        mail = MemoryMail(clock: clock)
        channels = MemoryChannels()
        pages = MemoryPages()
        var logger = logs.logger(label: instance)
        logger[metadataKey: "instance"] = .string(instance)
        context = PluginContext(
            instance: instance, property: property, logger: logger, metrics: PluginMetrics(instance: instance, factory: metrics), clock: clock,
            http: http, storage: storage, secrets: secrets, scheduler: scheduler, inbound: inbound, health: health, files: files, mail: mail,
            channels: channels, pages: pages)
    }

    /// Makes an instance as the kernel does: reads the settings strictly, validates them, and calls `init`.
    /// - Throws: ``SettingsRejected`` with every diagnostic, or what `init` throws.
    public func make<P: Plugin>(_ type: P.Type = P.self, _ settings: JSONValue = [:]) throws -> P {
        try P(settings: validatedSettings(for: type, settings), context: context)
    }
}

extension PropertyInfo {
    /// A hotel for tests: Hotel Miramar in Berlin's time, English first, German and Spanish too.
    public static let sample = PropertyInfo(
        id: "main", name: "Hotel Miramar", locale: "en", languages: ["en", "de", "es"], timeZone: "Europe/Berlin",
        publicURL: "https://jack.example.com")
}
