import Logging

/// All that a plugin instance may reach.
public struct PluginContext: Sendable {
    /// The instance's name in YAML.
    public let instance: String
    /// The hotel that the instance belongs to.
    public let property: PropertyInfo
    /// Logs with the instance's name on every line.
    public let logger: Logger
    /// Metrics that carry the instance's name.
    public let metrics: PluginMetrics
    /// Time. A plugin never asks the system's clock.
    public let clock: any TimeSource
    /// Outbound HTTP with the instance's limits.
    public let http: any HTTPClient
    /// Mail out and in, with the instance's limits.
    public let mail: any MailService
    /// Keys and values of this instance, durable.
    public let storage: any KeyValueStore
    /// Secrets that the plugin itself obtains and must keep, such as a refreshed token: encrypted at rest.
    public let secrets: any SecretStore
    /// Durable and periodic work.
    public let scheduler: any PluginScheduler
    /// Where what arrives from outside is handed in.
    public let inbound: any InboundPort
    /// Where the instance says that it is degraded, and that it is well again.
    public let health: any HealthReporter
    /// The files that the instance's settings name.
    public let files: any FileReader
    /// The channel instances that the instance's settings name.
    public let channels: any ChannelAccess
    /// How what people were paged for stands.
    public let pages: any PageAccess

    public init(
        instance: String, property: PropertyInfo, logger: Logger, metrics: PluginMetrics, clock: any TimeSource, http: any HTTPClient,
        storage: any KeyValueStore, secrets: any SecretStore, scheduler: any PluginScheduler, inbound: any InboundPort, health: any HealthReporter,
        files: any FileReader = NoFiles(), mail: any MailService = NoMail(),
        channels: any ChannelAccess = NoChannels(), pages: any PageAccess = NoPages()
    ) {
        self.instance = instance
        self.property = property
        self.logger = logger
        self.metrics = metrics
        self.clock = clock
        self.http = http
        self.mail = mail
        self.storage = storage
        self.secrets = secrets
        self.scheduler = scheduler
        self.inbound = inbound
        self.health = health
        self.files = files
        self.channels = channels
        self.pages = pages
    }
}

/// The hotel as a plugin sees it.
public struct PropertyInfo: Sendable, Hashable {
    /// The key that every row of the hotel carries.
    public let id: String
    /// The name that guests see.
    public let name: String
    /// The hotel's first language, a BCP 47 tag.
    public let locale: String
    /// All languages that the hotel writes, the first included.
    public let languages: [String]
    /// An IANA time zone's name.
    public let timeZone: String
    /// The URL under which guests and vendors reach Jack, without a trailing slash; nil where none is configured.
    public let publicURL: String?

    public init(id: String, name: String, locale: String, languages: [String], timeZone: String, publicURL: String?) {
        self.id = id
        self.name = name
        self.locale = locale
        self.languages = languages
        self.timeZone = timeZone
        self.publicURL = publicURL
    }
}
