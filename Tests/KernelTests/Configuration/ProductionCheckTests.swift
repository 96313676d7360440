import Kernel
import PluginAPI
import Testing

struct ProductionCheckTests {
    private typealias Fixtures = ConfigurationFixtures
    /// Three of what `openssl rand -hex 32` gives.
    private let good = [
        "9f2c1e77ab04d86e5b3f90c2d1468a7735ce0b91f4a26d88e0571c3b9adf6042", "03be7a9915d2f6c84e80b1673af9d52c68e417b0cd2593fa7e1460d8b92cf53a",
        "c7d8025be94f6a13708d3ec1b25a96f4801f7d6be3c94a50286f1bd97e0ca345",
    ]

    private func findings(_ secrets: [String?], environment: String = "production") throws -> [String] {
        var variables = ["JACK_ENV": environment]
        for (name, secret) in zip(["LOCAL_TOKEN", "JWT_SECRET", "ENCRYPTION_KEY"], secrets) { variables[name] = secret }
        let loaded = try #require(Fixtures.loader(Fixtures.hotel, environment: variables).load().configuration)
        return ProductionCheck.findings(loaded).all.map(\.description)
    }

    @Test func threeGoodSecretsPass() throws {
        #expect(try findings(good) == [])
    }

    @Test func developmentIsLeftAlone() throws {
        #expect(try findings([nil, "short", nil], environment: "development") == [])
    }

    @Test func eachMissingSecretIsSaid() throws {
        let said = try findings([good[0], nil, nil])
        #expect(said.count == 2)
        #expect(
            said.first
                == "conf/jack.yaml:1:1: error: security.jwt_secret must be set in production; set JWT_SECRET in the environment; make one with: openssl rand -hex 32"
        )
    }

    @Test func aShortOneIsSaidAtItsPlaceAndNotShown() throws {
        #expect(
            try findings([good[0], good[1], "hunter2hunter2"]) == [
                "environment ENCRYPTION_KEY:1:1: error: security.encryption_key has 14 characters, and needs at least 32; make one with: openssl rand -hex 32"
            ])
    }

    @Test func oneSecretForTwoUsesIsSaid() throws {
        #expect(try findings([good[0], good[1], good[1]]).first?.contains("security.encryption_key is the same as security.jwt_secret") == true)
    }

    @Test(arguments: [
        "your-secure-secret-min-32-chars-long", "generate-a-secure-random-string-min-32-chars", "another-secure-random-string-32-chars",
        "changemechangemechangemechangemechangeme",
        "CHANGE_ME_x8Fq0zR71mKvB2nT5yWj3Ld", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "12345678901234567890123456789012", "correct-horse-correct-horse-correct-horse-", "strong-random-token-here-strong!!",
        "qwertzqwertzqwertzqwertzqwertzqwertz",
    ])
    func weakOnesAreKnown(text: String) {
        #expect(ProductionCheck.weakness(of: Secret(text)) != nil)
    }

    @Test func randomOnesAreNot() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let hex = (0..<32).map { _ in String(UInt8.random(in: 0...255, using: &random) | 0x10, radix: 16) }.joined()
            #expect(ProductionCheck.weakness(of: Secret(hex)) == nil)
        }
        for secret in good { #expect(ProductionCheck.weakness(of: Secret(secret)) == nil) }
    }
}
