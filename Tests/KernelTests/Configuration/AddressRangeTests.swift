import Kernel
import Testing

struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.168.1.128/25", "192.168.1.127", false),
        ("192.168.1.128/25", "192.168.1.200", true),
        ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "127.0.0.2", false), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("fe80::/10", "fe80::1%eth0", true),
        ("10.0.0.0/8", "10.1", false), ("10.0.0.0/8", "", false), ("10.0.0.0/8", "x", false),
    ])
    func contains(range: String, address: String, expected: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(address) == expected)
    }

    @Test(arguments: ["", "/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "::1/129", "10.0.0.0/8/8", "localhost", "10.0.0.0/٨"])
    func isNoRange(text: String) { #expect(AddressRange(text) == nil) }

    @Test func prints() {
        #expect(AddressRange("10.0.0.0/8")?.description == "10.0.0.0/8" && AddressRange("::1")?.description == "::1/128")
    }
}
