import PluginAPI

/// What the REST routes and the staff's socket need of the house.
///
/// Every method throws ``GatewayError`` for what the caller should know (`notFound`, `conflict`, `invalid`); any other error is a 500, or a 503 where
/// storage or a plugin is not ready. `staff` is who acts, as the caller names them.
public protocol HotelAPI: OnCallAPI, OperationsAPI, LetterAPI, MediaAPI, ErasureAPI {
    func conversations(_ filter: API.ConversationFilter, _ page: API.PageRequest) async throws -> API.Page<API.Conversation>
    func conversation(_ id: String) async throws -> API.Conversation
    func update(conversation id: String, _ change: API.ConversationChange, by staff: String) async throws -> API.Conversation
    func messages(conversation id: String, _ page: API.PageRequest) async throws -> API.Page<API.Message>
    /// Writes to the guest in the staff's name. The same ``API/NewMessage/clientID`` is one message.
    func reply(conversation id: String, _ message: API.NewMessage, by staff: String) async throws -> API.Message
    /// What happened to a message, and by which rule.
    func why(message id: String) async throws -> [API.LedgerEntry]
    /// What happened to a message, an alert, a page or a matter of on call, and by which rule: by an id, an alert's fingerprint or name, or a group key.
    func why(of id: String) async throws -> [API.LedgerEntry]

    func guests(search: String?, _ page: API.PageRequest) async throws -> API.Page<API.Guest>
    func guest(_ id: String) async throws -> API.Guest
    func reservations(_ filter: API.ReservationFilter, _ page: API.PageRequest) async throws -> API.Page<API.Reservation>
    func reservation(_ id: String) async throws -> API.Reservation

    func tasks(_ filter: API.TaskFilter, _ page: API.PageRequest) async throws -> API.Page<API.HotelTask>
    func task(_ id: String) async throws -> API.HotelTask
    func create(task: API.NewTask, by staff: String) async throws -> API.HotelTask
    func update(task id: String, _ change: API.TaskChange, by staff: String) async throws -> API.HotelTask

    /// Replies of Jack's that wait for a person, and those that a person has decided on.
    func approvals(state: API.Approval.State?, _ page: API.PageRequest) async throws -> API.Page<API.Approval>
    func approve(_ id: String, _ decision: API.ApproveDecision, by staff: String) async throws -> API.Approval
    func reject(_ id: String, _ decision: API.RejectDecision, by staff: String) async throws -> API.Approval

    func plugins() async throws -> [API.PluginInstance]
    func plugin(_ instance: String) async throws -> API.PluginInstance
    /// Keeps an instance off until it is released.
    func hold(plugin instance: String, _ reason: API.HoldReason, by staff: String) async throws -> API.PluginInstance
    func release(plugin instance: String, by staff: String) async throws -> API.PluginInstance
    /// Stops an instance and starts it again, as it is configured.
    func restart(plugin instance: String, by staff: String) async throws -> API.PluginInstance

    func searchKnowledge(_ query: String, language: String?, limit: Int) async throws -> [API.KnowledgeHit]

    /// What AI calls came to.
    func costs(_ query: API.CostQuery) async throws -> API.Costs

    func reload(_ request: API.ReloadRequest, by staff: String) async throws -> API.ReloadReport
    /// Begins the graceful stop and returns at once.
    func stop(by staff: String) async throws

    /// What changes, for the staff's socket. Each call is a listener of its own; a slow one may miss repetitions of the same change.
    func changes() -> AsyncStream<API.Change>
}
