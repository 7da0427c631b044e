import type { Tracer } from '../tracer.ts'

/** Runs the transaction and collects nothing. */
export const createNoopTracer = (): Tracer => ({ end: () => ({}) })
