/** A method of JSON-RPC: takes what the caller sent, answers at once or by a promise. */
export type Method = (...params: unknown[]) => unknown

/** Methods by name. What they throw is answered; a `JsonRpcError` with its code. */
export type Methods = Record<string, Method>
