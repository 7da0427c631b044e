/** A method of JSON-RPC: takes what the caller sent, answers at once or by a promise. */
export type Method = (...params: unknown[]) => unknown

/** Methods by name. What they throw is answered; a `JsonRpcError` with its code. */
export type Methods = Record<string, Method>

/** What a method answers that waits for something: meanwhile the port serves other calls. */
export class Later {
  readonly answer: Promise<unknown>

  constructor(answer: Promise<unknown>) {
    this.answer = answer
  }
}

/** What a client that stays connected is told, until it goes. */
export interface Subscriptions {
  /** @returns the id of the subscription @throws (-32602, -32601) if there is no such kind */
  subscribe(kind: unknown, ...params: unknown[]): string
  /** @returns whether there was such a subscription */
  unsubscribe(id: unknown): boolean
  /** Ends all of them. */
  close(): void
}

/** Opens the subscriptions of one connection; `notify` sends it a result for a subscription. */
export type OpenSubscriptions = (
  notify: (subscription: string, result: unknown) => void,
) => Subscriptions
