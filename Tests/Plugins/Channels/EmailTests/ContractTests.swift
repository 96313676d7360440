import EmailChannel
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(2))) func mailKeepsItsContract() async {
    let email = PluginContract(
        Email.self, settings: { _ in EmailTests.settings }, secrets: ["a-password-to-keep"],
        prepare: { test in
            test.mail.deliver(
                """
                From: anna@guest.example
                Message-ID: <photo@guest.example>
                Content-Type: image/png; name=leak.png
                Content-Transfer-Encoding: base64

                aGVsbG8=
                """)
        })
    let message = OutboundMessage(id: "out-1", peer: PeerAddress(.email, "anna@guest.example"), author: .jack, text: "Good evening!")
    let contract = ChannelContract(email, message: message, media: MediaReference(kind: .image, reference: "1/1/0/<photo@guest.example>"))
    let violations = await contract.violations()
    #expect(violations == [])
}
