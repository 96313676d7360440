// swift-tools-version: 6.1

import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A module of the house.
func module(_ name: String, path: String? = nil, exclude: [String] = [], _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", exclude: exclude,
        swiftSettings: swiftSettings)
}

/// A plugin: `Plugins/<Kind>/<Name>`, which imports `PluginAPI` and nothing else of ours.
func plugin(_ name: String, _ path: String, exclude: [String] = [], _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: ["PluginAPI", log, httpTypes] + dependencies, path: "Plugins/\(path)", exclude: ["README.md"] + exclude,
        swiftSettings: swiftSettings)
}

/// The tests of one target; `path` mirrors the target's own.
func tests(_ name: String, path: String? = nil, resources: [Resource] = [], _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(path ?? name)", resources: resources, swiftSettings: swiftSettings)
}

/// Plugins that `jack plugins new` added to the program.
let addedPlugins: [Target.Dependency] = [
    // jack plugins new: dependencies
]

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb: [Target.Dependency] = [.product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift")]
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
]

let package = Package(
    name: "jack",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "jack", targets: ["jack"]),
        .executable(name: "jack-bench", targets: ["jack-bench"]),
        .library(name: "PluginAPI", targets: ["PluginAPI"]),
        .library(name: "JackHost", targets: ["Host"]),
        .library(name: "PluginTestKit", targets: ["PluginTestKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibCurl", path: "Sources/CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibYAML", path: "Sources/CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "CCrashMark", path: "Sources/CCrashMark"),
        .target(name: "CMalloc", path: "Sources/CMalloc"),
        .target(name: "CVector", path: "Sources/CVector"),
        .target(name: "GatewayResources", path: "Sources/Gateway/Resources", exclude: ["openapi.yaml"]),

        module("PluginAPI", [log, metrics, coreMetrics, httpTypes]),
        module(
            "Kernel", ["PluginAPI", "CLibCurl", "CLibYAML", "CCrashMark", "CVector", log, metrics, coreMetrics, tracing, httpTypes, crypto] + grdb),
        module("Butler", ["PluginAPI", "Kernel", log, metrics, crypto, httpTypes]),
        module("OnCall", ["PluginAPI", "Kernel", log, metrics, coreMetrics, httpTypes, crypto]),
        module(
            "Gateway", exclude: ["Resources"],
            ["PluginAPI", "Kernel", "Butler", "OnCall", "GatewayResources", hummingbird, hummingbirdCore, httpTypes, log, metrics, crypto, lifecycle]
                + nio),
        module(
            "Host", exclude: ["Executable"],
            [
                "PluginAPI", "Kernel", "Butler", "OnCall", "Gateway", "CMalloc",
                "WebChatChannel",
                "WhatsAppChannel",
                "EmailChannel",
                "EmbeddedAI",
                "OpenAIProviderPlugin",
                "AnthropicProviderPlugin",
                "OllamaProviderPlugin",
                "BuiltInPMS",
                "LogAlertSink",
                "WebhookAlertSink",
                "PagerDutyAlertSink",
                "SlackAlertSink",
                "TwilioSMSChannel",
                "PhoneAlertSink",
                "ChannelAlertSink",
                arguments, log, metrics, coreMetrics, signals, lifecycle, httpTypes, crypto,
            ] + nio + addedPlugins),
        .executableTarget(name: "jack", dependencies: ["Host"], path: "Sources/Host/Executable", swiftSettings: swiftSettings),
        module("PluginTestKit", ["PluginAPI", "Kernel", log, metrics, coreMetrics, httpTypes, crypto] + nio),
        .executableTarget(
            name: "jack-bench",
            dependencies: [
                "Host", "PluginAPI", "Kernel", "Butler", "Gateway", "OnCall", "WhatsAppChannel", arguments, log, httpTypes, crypto, hummingbird,
            ]
                + nio,
            path: "Sources/Bench", swiftSettings: swiftSettings),

        plugin(
            "WebChatChannel", "Channels/WebChat", exclude: ["Resources"], ["WebChatResources", crypto]),
        .target(name: "WebChatResources", path: "Plugins/Channels/WebChat/Resources", exclude: ["index.html", "chat.css", "chat.js"]),
        plugin("WhatsAppChannel", "Channels/WhatsApp", [crypto]),
        plugin("EmailChannel", "Channels/Email", [crypto, coreMetrics]),
        plugin("TwilioWire", "Shared/Twilio", [crypto]),
        plugin("TwilioSMSChannel", "Channels/TwilioSMS", ["TwilioWire"]),
        plugin("PhoneAlertSink", "Alerts/Phone", ["TwilioWire"]),
        plugin("ChannelAlertSink", "Alerts/Channel"),
        plugin(
            "EmbeddedAI", "AI/Embedded", exclude: ["Resources"], ["EmbeddedAIResources"]),
        .target(name: "EmbeddedAIResources", path: "Plugins/AI/Embedded/Resources", exclude: ["lexicon.txt", "languages.txt"]),
        plugin("OpenAIProviderPlugin", "AI/OpenAI"),
        plugin("AnthropicProviderPlugin", "AI/Anthropic"),
        plugin("OllamaProviderPlugin", "AI/Ollama"),
        plugin("BuiltInPMS", "PMS/BuiltIn"),
        plugin("LogAlertSink", "Alerts/Log"),
        plugin("WebhookAlertSink", "Alerts/Webhook", [crypto]),
        plugin("PagerDutyAlertSink", "Alerts/PagerDuty", [crypto]),
        plugin("SlackAlertSink", "Alerts/Slack", [crypto]),
        // jack plugins new: targets

        // Jack with a plugin that ends the process: what the end-to-end tests need and the product does not have.
        .executableTarget(
            name: "jack-trap-fixture", dependencies: ["Host", "PluginAPI"], path: "Tests/Fixtures/TrapHost", swiftSettings: swiftSettings),
        tests("PluginAPITests", ["PluginAPI", "Kernel", "PluginTestKit", httpTypes]),
        tests("KernelTests", ["Kernel", "PluginAPI", "PluginTestKit", log, metrics, coreMetrics, httpTypes, crypto, hummingbird] + nio),
        tests("ButlerTests", ["Butler", "Kernel", "PluginAPI", "PluginTestKit", "EmbeddedAI", "BuiltInPMS", log, httpTypes, crypto]),
        tests("OnCallTests", ["OnCall", "Kernel", "PluginAPI", "PluginTestKit", log, httpTypes, coreMetrics, metrics]),
        tests("GatewayTests", ["Gateway", "Butler", "OnCall", "Kernel", "PluginAPI", "PluginTestKit", log, httpTypes, hummingbird] + nio),
        tests(
            "HostTests", ["Host", "Gateway", "Butler", "OnCall", "Kernel", "PluginAPI", "PluginTestKit", log, httpTypes, crypto, hummingbird] + nio),
        tests("TutorialTests", path: "Tutorial", ["PluginAPI", "PluginTestKit", "Kernel", httpTypes, crypto]),
        tests("PluginTestKitTests", ["PluginTestKit", "PluginAPI", "Kernel", httpTypes, log, metrics, coreMetrics, crypto]),
        tests(
            "WebChatChannelTests", path: "Plugins/Channels/WebChatTests", ["WebChatChannel", "PluginAPI", "PluginTestKit", "Kernel", httpTypes, log]),
        tests(
            "WhatsAppChannelTests", path: "Plugins/Channels/WhatsAppTests",
            ["WhatsAppChannel", "PluginAPI", "PluginTestKit", "Kernel", "Gateway", crypto, httpTypes, log, coreMetrics]),
        tests(
            "EmailChannelTests", path: "Plugins/Channels/EmailTests", resources: [.copy("Fixtures")],
            ["EmailChannel", "PluginAPI", "PluginTestKit", "Kernel", crypto, log] + nio),
        tests("EmbeddedAITests", path: "Plugins/AI/EmbeddedTests", ["EmbeddedAI", "PluginAPI", "PluginTestKit", "Kernel"]),
        tests("OpenAIProviderTests", path: "Plugins/AI/OpenAITests", ["OpenAIProviderPlugin", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests(
            "AnthropicProviderTests", path: "Plugins/AI/AnthropicTests",
            ["AnthropicProviderPlugin", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests("OllamaProviderTests", path: "Plugins/AI/OllamaTests", ["OllamaProviderPlugin", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests("BuiltInPMSTests", path: "Plugins/PMS/BuiltInTests", ["BuiltInPMS", "PluginAPI", "PluginTestKit", "Kernel"]),
        tests("LogAlertSinkTests", path: "Plugins/Alerts/LogTests", ["LogAlertSink", "PluginAPI", "PluginTestKit", "Kernel", log]),
        tests(
            "WebhookAlertSinkTests", path: "Plugins/Alerts/WebhookTests",
            ["WebhookAlertSink", "PluginAPI", "PluginTestKit", "Kernel", crypto, httpTypes, hummingbird]),
        tests(
            "PagerDutyAlertSinkTests", path: "Plugins/Alerts/PagerDutyTests",
            ["PagerDutyAlertSink", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests("SlackAlertSinkTests", path: "Plugins/Alerts/SlackTests", ["SlackAlertSink", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests("TwilioWireTests", path: "Plugins/Shared/TwilioTests", ["TwilioWire", "PluginAPI", "PluginTestKit", "Kernel", crypto, httpTypes]),
        tests(
            "TwilioSMSChannelTests", path: "Plugins/Channels/TwilioSMSTests",
            ["TwilioSMSChannel", "TwilioWire", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests(
            "PhoneAlertSinkTests", path: "Plugins/Alerts/PhoneTests",
            ["PhoneAlertSink", "TwilioWire", "PluginAPI", "PluginTestKit", "Kernel", httpTypes]),
        tests("ChannelAlertSinkTests", path: "Plugins/Alerts/ChannelTests", ["ChannelAlertSink", "PluginAPI", "PluginTestKit", "Kernel", log]),
        // jack plugins new: tests
    ],
    swiftLanguageModes: [.v6],
    // For `#embed`.
    cLanguageStandard: .gnu2x
)
