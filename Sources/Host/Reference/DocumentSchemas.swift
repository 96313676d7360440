import Butler
import Kernel
import OnCall
import PluginAPI

/// The YAML documents of a hotel beside `jack.yaml`, for `jack config schema --document`.
enum DocumentSchemas {
    /// The declarations by the document's name.
    static let all: [(name: String, schema: SettingsSchema)] =
        [
            ("intents", IntentCatalog.schema), ("intents-test", IntentTests.schema), ("knowledge", KnowledgeDeclarations.schema),
            ("knowledge-test", KnowledgeTests.schema), ("replies", ReplyCatalog.schema), ("safety", SafetyCatalog.schema),
            ("safety-test", SafetyTests.schema), ("synonyms", Synonyms.schema),
        ] + OnCallDocuments.all

    /// The words of the embedded provider's lexicon, as its `lexicon` setting names them.
    struct Synonyms: PluginSettings {
        struct Group: PluginSettings {
            @Setting(help: "The words' language.") var lang: String?
            @Setting(help: "Words that mean the same.") var words: [String]
            init() {}
        }
        @Setting(help: "Words of one language that mean the same.") var groups: [Group] = []
        @Setting(help: "One word in English, German, Spanish and French, in this order.") var translations: [[String]] = []
        init() {}
    }

    struct IntentTests: PluginSettings {
        struct Item: PluginSettings {
            @Setting(help: "A guest's message.") var text: String
            @Setting(help: "The intent that it has.") var intent: String
            @Setting(help: "Its language.") var lang: String
            init() {}
        }
        @Setting(help: "Messages that measure the classifier.") var tests: [Item]
        init() {}
    }

    struct SafetyTests: PluginSettings {
        struct Item: PluginSettings {
            @Setting(help: "A guest's message.") var text: String
            @Setting(help: "Its language.") var lang: String
            @Setting(help: "The emergency that must lead, or none.") var expect: String
            init() {}
        }
        @Setting(help: "Messages that measure the safety lane.") var tests: [Item]
        init() {}
    }

    struct KnowledgeTests: PluginSettings {
        struct Item: PluginSettings {
            @Setting(help: "A guest's question.") var question: String
            @Setting(help: "Its language.") var lang: String
            @Setting(help: "The entry that answers it.") var entry: String
            @Setting(help: "Other entries that answer it too.") var also: [String] = []
            init() {}
        }
        @Setting(help: "Questions that measure the search.") var tests: [Item]
        init() {}
    }
}
