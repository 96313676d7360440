/// What every plugin is, whatever its kind.
///
/// ## Stages
/// A plugin goes through four separate stages, and each does only its own part:
/// 1. *schema*: ``manifest`` and ``Settings`` are read from the type. Nothing is constructed.
/// 2. *validate*: ``validate(_:_:)`` checks what the declarations cannot say. Pure: no I/O, no clock, no randomness.
/// 3. *probe*: ``probe()`` asks the network whether the vendor is there and takes the credentials, without side effects there.
/// 4. *start*: ``start()`` begins the work.
///
/// ## Obligations
/// - ``init(settings:context:)`` has no side effects: no I/O, no task, no registration.
/// - `start` returns soon; what goes on in the background is the plugin's own task, ended by `stop`.
/// - `stop` may be called without `start`, and twice. It ends what was started, finishes what was accepted, and returns.
/// - `probe` may be called before, after and without `start`.
/// - A reload starts a changed instance before it stops the one of that name which runs: for a moment both do, with the same storage, secrets and durable work, and
///   whatever both take in counts once, by its vendor's id. What can be had only once, such as a port, must be a reason for `start` to fail.
/// - Work may be asked between the return of `start` and the call of `stop`, from many tasks at once.
/// - A failure is a ``PluginFailure``. Any other error counts as not ready.
/// - A plugin neither retries, nor limits its rate, nor breaks circuits, nor removes duplicates: the kernel's dispatch does, for all alike.
/// - A plugin reaches nothing but its ``PluginContext``: no global, no environment, no file outside its settings.
/// - No secret and no guest's data in a log line or in an error's message.
public protocol Plugin: Sendable {
    associatedtype Settings: PluginSettings

    /// What the plugin is called, does, and where data goes.
    static var manifest: PluginManifest { get }

    /// The kind; each kind's protocol says it.
    static var kind: PluginKind { get }

    /// Checks what concerns several settings at once. Pure.
    static func validate(_ settings: Settings, _ report: inout ValidationReport)

    /// The other instances that the settings name: what `jack check` looks up, and all that the instance may reach by its context. Pure.
    static func references(in settings: Settings) -> [InstanceReference]

    /// Makes an instance. No side effects.
    /// - Throws: ``PluginFailure`` where the settings cannot be used.
    init(settings: Settings, context: PluginContext) throws

    /// HTTP routes that the gateway mounts while the instance runs. Read once, after `init`.
    var routes: [PluginRoute] { get }

    /// Asks whether the vendor can be reached and takes the credentials.
    /// - Throws: ``PluginFailure``.
    func probe() async throws -> ProbeResult

    /// Begins the work.
    /// - Throws: ``PluginFailure``.
    func start() async throws

    /// Ends the work. Safe without `start`, and twice.
    func stop() async
}

extension Plugin {
    public static func validate(_ settings: Settings, _ report: inout ValidationReport) {}
    public static func references(in settings: Settings) -> [InstanceReference] { [] }
    public var routes: [PluginRoute] { [] }
    public func probe() async throws -> ProbeResult { ProbeResult("nothing to probe: this plugin reaches nobody") }
    public func start() async throws {}
    public func stop() async {}
}

/// What a probe found.
public struct ProbeResult: Sendable {
    /// One line: `reached api.example.com as “Hotel Miramar”`.
    public var summary: String
    /// Facts worth showing, by name.
    public var details: [String: String]

    public init(_ summary: String, details: [String: String] = [:]) {
        self.summary = summary
        self.details = details
    }
}

/// Takes what ``Plugin/validate(_:_:)`` finds; the kernel knows where each setting stands in the file.
public struct ValidationReport: Sendable {
    public struct Finding: Sendable {
        public var severity: Diagnostic.Severity
        public var code: Diagnostic.Code
        /// The setting's key in YAML; dots lead into nested settings. Nil for the instance as a whole.
        public var key: String?
        public var message: String
        public var remedy: String?
    }

    public private(set) var findings: [Finding] = []

    public init() {}

    public mutating func error(_ key: String?, _ message: String, remedy: String? = nil, code: Diagnostic.Code = .invalidValue) {
        findings.append(Finding(severity: .error, code: code, key: key, message: message, remedy: remedy))
    }

    public mutating func warning(_ key: String?, _ message: String, remedy: String? = nil, code: Diagnostic.Code = .invalidValue) {
        findings.append(Finding(severity: .warning, code: code, key: key, message: message, remedy: remedy))
    }

    /// Adds what a check of nested settings finds, under their key.
    public mutating func nested(_ key: String, _ check: (inout ValidationReport) -> Void) {
        var inner = ValidationReport()
        check(&inner)
        findings += inner.findings.map { finding in
            var finding = finding
            finding.key = finding.key.map { "\(key).\($0)" } ?? key
            return finding
        }
    }
}
