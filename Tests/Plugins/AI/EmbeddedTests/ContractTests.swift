import EmbeddedAI
import PluginAPI
import PluginTestKit
import Testing

@Test(.timeLimit(.minutes(2))) func theEmbeddedProviderKeepsItsContract() async {
    let embedded = PluginContract(EmbeddedProvider.self, settings: { _ in [:] })
    let labels = [
        ClassificationRequest.Label(id: "towels", description: "wants towels", examples: ["en": ["more towels please", "can I have a towel"]]),
        ClassificationRequest.Label(
            id: "breakfast", description: "asks about breakfast", examples: ["en": ["when is breakfast", "breakfast hours"]]),
    ]
    let classification = ClassificationRequest(text: "could we get two more towels", locale: "en", labels: labels, labelSet: "contract")
    let violations = await AIContract(embedded, classification: classification).violations()
    #expect(violations == [])
}
