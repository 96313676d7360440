@testable import BuiltInPMS
import Testing

@Suite struct IdentityTests {
    @Test(arguments: [
        ("2026-02-28", true), ("2026-02-29", false), ("2024-02-29", true), ("2000-02-29", true), ("1900-02-29", false), ("2026-02-30", false),
        ("2026-13-01", false), ("2026-00-10", false), ("2026-04-31", false), ("2026-4-1", false), ("26-04-01", false), ("2026-04-01 ", false),
        ("", false),
        ("0000-01-01", false), ("٢٠٢٦-٠١-٠١", false),
    ])
    func daysAreOfTheCalendar(_ text: String, _ isValid: Bool) { #expect(CalendarDay.isValid(text) == isValid) }

    @Test(
        arguments: [
            ("+49 30 1234567", nil, "+49301234567"), ("+49 (0)30-12.34/567", nil, "+49301234567"), ("0049 30 1234567", nil, "+49301234567"),
            ("030 1234567", "49", "+49301234567"), ("030 1234567", nil, nil), ("+1 (555) 555-0100", nil, "+15555550100"), ("call me", nil, nil),
            ("+49 30 12+34567", nil, nil), ("+123", nil, nil), ("+1234567890123456", nil, nil), ("", nil, nil), ("+0301234567", nil, nil),
            ("1234567", "49", nil),
        ] as [(String, String?, String?)])
    func numbersAreMadeInternational(_ text: String, _ countryCode: String?, _ number: String?) {
        #expect(PhoneNumber(text, countryCode: countryCode)?.e164 == number)
    }

    @Test(arguments: [
        ("Müller", "MUELLER", true), ("Müller", "muller", true), ("Groß", "gross", true), ("O’Neill", "Oneill", true),
        ("García-López", "garcia lopez", true),
        ("Sørensen", "sorensen", true), ("Łukasz", "lukasz", true), ("Müller", "Möller", false), ("", "", false), ("Şahin", "sahin", true),
    ])
    func namesAreComparedAsPeopleWriteThem(_ one: String, _ other: String, _ isSame: Bool) {
        #expect(Folding.names(one).isDisjoint(with: Folding.names(other)) != isSame)
    }

    @Test func aGuestIsTheSameOverStays() {
        let id = GuestIdentity.id(email: "A@x.com", phone: "+491", confirmation: "1")
        #expect(id == GuestIdentity.id(email: "a@X.com", phone: nil, confirmation: "2") && !id.contains("@"))
        #expect(GuestIdentity.id(email: nil, phone: "+491", confirmation: "1") == GuestIdentity.id(email: nil, phone: "+491", confirmation: "2"))
        #expect(GuestIdentity.id(email: nil, phone: nil, confirmation: "1") != GuestIdentity.id(email: nil, phone: nil, confirmation: "2"))
    }
}
