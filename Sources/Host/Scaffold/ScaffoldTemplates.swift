import Foundation

/// The texts of a new plugin.
struct ScaffoldTemplates {
    let kind: ScaffoldKind
    let name: String

    var module: String { name + kind.moduleSuffix }
    var type: String { name + kind.typeSuffix }
    var registration: String { "PluginRegistration(\(type).self)," }

    /// The name in YAML: `MyCarrier` is `my-carrier`.
    var id: String {
        let letters = Array(name)
        return letters.indices.reduce(into: "") { id, index in
            let startsWord = index > 0 && letters[index].isUppercase && !letters[index - 1].isUppercase
            id += (startsWord ? "-" : "") + letters[index].lowercased()
        }
    }

    private var secretVariable: String { id.uppercased().replacing("-", with: "_") + "_TOKEN" }

    var sources: [(name: String, text: String)] {
        [("\(type).swift", plugin), ("\(type)Settings.swift", settings), ("\(name)Wire.swift", wire), ("README.md", readme)]
    }

    var tests: [(name: String, text: String)] {
        [("ContractTests.swift", contractTest), ("WireTests.swift", wireTest), ("Fixtures/reply.json", "{\n    \"id\": \"their-1\"\n}\n")]
    }

    // MARK: The plugin

    private var settings: String {
        """
        import PluginAPI

        /// What an operator may set.
        public struct \(type)Settings: PluginSettings {
            @Setting(help: "Where the vendor's API is.", .url) public var endpoint: String = "https://api.\(id).example"
            @Setting(help: "The account's token.", .minimumLength(16), example: "${\(secretVariable)}") public var token: Secret
            @Setting(help: "How long the vendor may take to answer.", .range(.milliseconds(100) ... .seconds(120)), advanced: true)
            public var timeout: Duration = .seconds(30)

            public init() {}
        }

        """
    }

    private var wire: String {
        """
        import Foundation
        import HTTPTypes
        import PluginAPI

        /// Speaks with the vendor: requests are signed here, replies are read here, failures get their type here.
        struct \(name)Wire: Sendable {
            let settings: \(type)Settings
            let context: PluginContext

            /// What the vendor answers when it has taken something.
            struct Reply: Codable, Hashable {
                var id: String
            }

            /// Sends a request, and reads what the vendor answers.
            /// - Throws: ``PluginFailure``; the vendor's own error codes belong here, before the general meaning of the status.
            func call<Answer: Decodable>(_ method: HTTPRequest.Method, _ path: String, body: [UInt8] = [], as type: Answer.Type) async throws -> Answer {
                var headers: HTTPFields = [.authorization: "Bearer \\(settings.token.reveal())"]
                if !body.isEmpty { headers[.contentType] = "application/json" }
                let request = ClientRequest(method, settings.endpoint + path, headers: headers, body: body, timeout: settings.timeout)
                let response = try await context.http.send(request)
                if let failure = response.failure(from: "\(name)", now: context.clock) { throw failure }
                do {
                    return try JSONDecoder().decode(type, from: Data(response.body))
                } catch {
                    throw PluginFailure.notReady(.malformedReply, "\(name) answered with something else than its document says")
                }
            }
        }

        """
    }

    private var plugin: String {
        """
        import PluginAPI

        /// \(summary)
        ///
        /// A skeleton as yet: what is not written says so by its failure, and the contract's test lists it.
        public struct \(type): \(proto) {
            public typealias Settings = \(type)Settings

            public static let manifest = PluginManifest(
                id: "\(id)", summary: "\(summary)", stability: .experimental,
                destinations: [DataDestination("the host of endpoint", purpose: "\(purpose)", classes: [\(classes)])],\(reach)
                quality: [
                    .documentedSettings: .met, .noSecretsShown: .met,
                    .contractSuite: .exempt("it is a skeleton: its contract test names what is missing"),
                ])

            private let wire: \(name)Wire

            public init(settings: Settings, context: PluginContext) throws { wire = \(name)Wire(settings: settings, context: context) }

            /// Asks the vendor who we are, without changing anything there.
            public func probe() async throws -> ProbeResult { throw PluginFailure.notImplemented("probing") }

        \(methods)
        }

        """
    }

    private var proto: String {
        switch kind {
        case .channel: "ChannelPlugin"
        case .ai: "AIProvider"
        case .pms: "PMSIntegration"
        case .alert: "AlertSink"
        }
    }

    private var summary: String {
        switch kind {
        case .channel: "Messages through \(name)."
        case .ai: "Answers by \(name)."
        case .pms: "Reservations and rooms from \(name)."
        case .alert: "Alerts through \(name)."
        }
    }

    private var purpose: String {
        switch kind {
        case .channel: "carrying messages"
        case .ai: "answering guests"
        case .pms: "reading reservations"
        case .alert: "telling of alerts"
        }
    }

    private var classes: String {
        switch kind {
        case .channel: ".guestText, .guestIdentity"
        case .ai: ".guestText, .knowledge"
        case .pms: ".reservation"
        case .alert: ".alert"
        }
    }

    private var reach: String { kind == .alert ? " reachesPeople: .always," : "" }

    private var methods: String {
        switch kind {
        case .channel:
            """
                public var features: ChannelFeatures { ChannelFeatures(maximumTextLength: 1000) }

                public func send(_ message: OutboundMessage) async throws -> SendResult { throw PluginFailure.notImplemented("sending") }
            """
        case .ai:
            """
                public var features: AIFeatures { AIFeatures() }

                public func complete(_ request: AIRequest) async throws -> AIResponse { throw PluginFailure.notImplemented("answering") }
            """
        case .pms:
            """
                public var features: PMSFeatures { PMSFeatures() }

                public func guests(matching query: PMSGuestQuery, limit: Int) async throws -> [PMSGuest] {
                    throw PluginFailure.notImplemented("looking for guests")
                }

                public func reservations(matching query: PMSReservationQuery, limit: Int) async throws -> [PMSReservation] {
                    throw PluginFailure.notImplemented("looking for reservations")
                }

                public func rooms() async throws -> [PMSRoom] { throw PluginFailure.notImplemented("listing rooms") }

                public func changes(since cursor: String?, limit: Int) async throws -> PMSChanges {
                    throw PluginFailure.notImplemented("reading changes")
                }
            """
        case .alert:
            """
                public var features: AlertSinkFeatures { AlertSinkFeatures() }

                public func page(_ page: AlertPage) async throws -> PageReceipt { throw PluginFailure.notImplemented("paging") }
                public func update(_ page: AlertPage) async throws -> PageReceipt { throw PluginFailure.notImplemented("telling of changes") }
                public func resolve(_ page: AlertPage) async throws -> PageReceipt { throw PluginFailure.notImplemented("telling of the end") }
            """
        }
    }

    private var readme: String {
        """
        # \(id): \(summary.prefix(1).lowercased() + summary.dropFirst().dropLast())

        A skeleton: it takes its settings and does nothing yet. Follow `docs/writing-a-plugin.md` of Jack, and take out of the contract's test one exemption after the other.

        ## Settings

        | key | type | default | meaning |
        |---|---|---|---|
        | `endpoint` | URL | `https://api.\(id).example` | Where the vendor's API is. |
        | `token` | secret, at least 16 characters | required | The account's token. |
        | `timeout` | duration, 100ms to 2m | `30s` | How long the vendor may take to answer. |

        ```yaml
        \(kind.section):
          \(id):
            settings:
              token: ${\(secretVariable)}
        ```

        ## Limits

        Nothing is implemented yet.

        ## Security

        The token is sent in the `Authorization` header, and is never logged.

        """
    }

    // MARK: Tests

    private var contractTest: String {
        """
        import \(module)
        import PluginAPI
        import PluginTestKit
        import Testing

        @Suite(.timeLimit(.minutes(2))) struct \(name)ContractTests {
            private static let token = "a-token-of-enough-length"

            /// What every plugin of its kind owes. A skeleton owes less: take out an exemption as soon as its part is written, and say how the vendor
            /// answers (`vendor:`, `webhooks:`), which brings in the checks of statuses, timeouts, signatures and the rest.
            @Test func itKeepsItsContract() async {
                let plugin = PluginContract(
                    \(type).self, settings: { ["endpoint": .string($0), "token": .string(Self.token)] }, secrets: [Self.token],
                    exempt: [
        \(exemptions)
                    ])
                let violations = await \(suite).violations()
                #expect(violations == [])
            }

            @Test func whatIsNotWrittenSaysSo() async throws {
                let plugin = try TestContext().make(\(type).self, ["token": .string(Self.token)])
                let failure = await #expect(throws: PluginFailure.self) { _ = try await \(firstCall) }
                #expect(failure?.disposition == .permanent && failure?.reason == .notImplemented)
            }
        }

        """
    }

    private var exemptions: String {
        let keys =
            switch kind {
            case .channel: ["probe", "concurrency", "unicode", "vendorIDs", "lengths", "features"]
            case .ai: ["probe", "concurrency", "unicode", "answers"]
            case .pms: ["probe", "concurrency", "queries", "records", "changes"]
            case .alert: ["probe", "concurrency", "unicode", "tellings"]
            }
        // Text of the generated test: a skeleton that answers `notImplemented` cannot meet these yet, and its author takes them out one by one.
        return keys.map { "                .\($0): \"this skeleton has no vendor to ask\"," }.joined(separator: "\n")
    }

    private var suite: String {
        switch kind {
        case .channel: "ChannelContract(plugin, message: .sample)"
        case .ai: "AIContract(plugin)"
        case .pms: "PMSContract(plugin, reservation: \"1\", lastName: \"Bergmann\")"
        case .alert: "AlertSinkContract(plugin)"
        }
    }

    private var firstCall: String {
        switch kind {
        case .channel: "plugin.send(.sample)"
        case .ai: "plugin.complete(.sample)"
        case .pms: "plugin.rooms()"
        case .alert: "plugin.page(.sample)"
        }
    }

    private var wireTest: String {
        """
        import Foundation
        import Testing

        @testable import \(module)

        @Test func theVendorsReplyIsRead() throws {
            let file = try #require(Bundle.module.url(forResource: "reply", withExtension: "json", subdirectory: "Fixtures"))
            #expect(try JSONDecoder().decode(\(name)Wire.Reply.self, from: Data(contentsOf: file)) == \(name)Wire.Reply(id: "their-1"))
        }

        """
    }

    // MARK: The package

    func packageManifest(_ jack: Scaffold.JackDependency) -> String {
        """
        // swift-tools-version: 6.1

        import PackageDescription

        let swiftSettings: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility")]

        /// The plugins that the program has beside Jack's own.
        let plugins: [Target.Dependency] = [
            // jack plugins new: dependencies
        ]

        /// What wires and signatures are written with.
        let wire: [Target.Dependency] = [
            .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "Crypto", package: "swift-crypto"),
        ]

        let package = Package(
            name: "\(id)-jack",
            platforms: [.macOS(.v15)],
            dependencies: [
                \(jack.declaration),
                .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
                .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
            ],
            targets: [
                .executableTarget(
                    name: "\(id)-jack",
                    dependencies: [.product(name: "JackHost", package: "jack"), .product(name: "PluginAPI", package: "jack")] + plugins,
                    path: "Sources/Main", swiftSettings: swiftSettings),
                // jack plugins new: targets
                // jack plugins new: tests
            ],
            swiftLanguageModes: [.v6]
        )

        """
    }

    static var packageMain: String {
        """
        import Host
        import PluginAPI

        await JackHost.main(plugins: [
            // jack plugins new: registrations
        ])

        """
    }

    var packageReadme: String {
        """
        # \(id)-jack

        Jack with the plugin `\(id)`.

        ```
        swift build
        swift test
        swift run \(id)-jack plugins describe \(id)
        swift run \(id)-jack serve --config jack.yaml
        ```

        """
    }
}
