import PluginAPI

/// What Jack says by itself in a call.
struct SpokenWords: Sendable {
    /// What Twilio calls the language.
    var tag: String
    /// `{hotel}` and `{severity}`.
    var opening: String
    /// `{count}`.
    var several: String
    var repeated: String
    var keys: String
    var again: String
    var acknowledged: String
    var escalated: String
    /// Somebody else was quicker.
    var taken: String
    /// It needs nobody any more.
    var over: String
    var nothing: String
    var forgotten: String
    var severities: [AlertSeverity: String]

    /// The words of a language; nil where Jack has none.
    static func known(_ tag: String) -> SpokenWords? {
        let language = tag.prefix { $0 != "-" }.lowercased()
        guard var words = all[language] else { return nil }
        if tag.contains("-") { words.tag = tag }
        return words
    }

    static func of(_ tag: String) -> SpokenWords { known(tag) ?? english }

    private static let all = ["en": english, "de": german, "es": spanish, "fr": french]

    private static let english = SpokenWords(
        tag: "en-US", opening: "This is Jack, the butler of {hotel}, with an alert. Severity: {severity}.",
        several: "There are {count} alerts. The worst is:",
        repeated: "You may have had this call before.", keys: "Press 4 to acknowledge. Press 6 to escalate.", again: "I repeat.",
        acknowledged: "Acknowledged. Thank you. Goodbye.", escalated: "Escalated to the next level. Goodbye.",
        taken: "Somebody else has acknowledged this alert already. Goodbye.", over: "This alert is over already. Goodbye.",
        nothing: "No key was pressed. The alert goes on. Goodbye.", forgotten: "This alert is not known any more. Goodbye.",
        severities: [.info: "information", .warning: "warning", .error: "error", .critical: "critical"])

    private static let german = SpokenWords(
        tag: "de-DE", opening: "Hier ist Jack, der Butler von {hotel}, mit einem Alarm. Stufe: {severity}.",
        several: "Es sind {count} Alarme. Der schwerste ist:", repeated: "Vielleicht haben Sie diesen Anruf schon einmal bekommen.",
        keys: "Drücken Sie die 4, um zu übernehmen. Drücken Sie die 6, um weiterzugeben.", again: "Ich wiederhole.",
        acknowledged: "Übernommen. Vielen Dank. Auf Wiederhören.", escalated: "An die nächste Stufe weitergegeben. Auf Wiederhören.",
        taken: "Jemand anders hat diesen Alarm schon übernommen. Auf Wiederhören.", over: "Dieser Alarm ist schon vorbei. Auf Wiederhören.",
        nothing: "Es wurde keine Taste gedrückt. Der Alarm geht weiter. Auf Wiederhören.",
        forgotten: "Dieser Alarm ist nicht mehr bekannt. Auf Wiederhören.",
        severities: [.info: "Information", .warning: "Warnung", .error: "Fehler", .critical: "kritisch"])

    private static let spanish = SpokenWords(
        tag: "es-ES", opening: "Soy Jack, el mayordomo de {hotel}, con una alerta. Nivel: {severity}.",
        several: "Hay {count} alertas. La más grave es:", repeated: "Es posible que ya haya recibido esta llamada.",
        keys: "Pulse 4 para aceptar. Pulse 6 para pasar al siguiente nivel.", again: "Repito.", acknowledged: "Aceptada. Gracias. Adiós.",
        escalated: "Pasada al siguiente nivel. Adiós.", taken: "Otra persona ya ha aceptado esta alerta. Adiós.",
        over: "Esta alerta ya ha terminado. Adiós.", nothing: "No se ha pulsado ninguna tecla. La alerta continúa. Adiós.",
        forgotten: "Esta alerta ya no se conoce. Adiós.",
        severities: [.info: "información", .warning: "aviso", .error: "error", .critical: "crítico"])

    private static let french = SpokenWords(
        tag: "fr-FR", opening: "Ici Jack, le majordome de {hotel}, avec une alerte. Niveau : {severity}.",
        several: "Il y a {count} alertes. La plus grave est :", repeated: "Vous avez peut-être déjà reçu cet appel.",
        keys: "Appuyez sur 4 pour prendre en charge. Appuyez sur 6 pour passer au niveau suivant.", again: "Je répète.",
        acknowledged: "Prise en charge. Merci. Au revoir.", escalated: "Passée au niveau suivant. Au revoir.",
        taken: "Quelqu'un d'autre a déjà pris cette alerte en charge. Au revoir.", over: "Cette alerte est déjà terminée. Au revoir.",
        nothing: "Aucune touche n'a été pressée. L'alerte continue. Au revoir.", forgotten: "Cette alerte n'est plus connue. Au revoir.",
        severities: [.info: "information", .warning: "avertissement", .error: "erreur", .critical: "critique"])
}
