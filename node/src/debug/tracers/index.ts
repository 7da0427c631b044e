import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { Budget } from '../budget.ts'
import type { TraceConfig } from '../config.ts'
import type { Tracer } from '../tracer.ts'
import { createCallTracer } from './call.ts'
import { createFourByteTracer } from './fourByte.ts'
import { createNoopTracer } from './noop.ts'
import { createPrestateTracer } from './prestate.ts'
import { createStructLogger } from './structLog.ts'

type CreateTracer = (options: unknown, budget: Budget) => Tracer

const TRACERS = new Map<string, CreateTracer>([
  ['callTracer', createCallTracer],
  ['prestateTracer', createPrestateTracer],
  ['4byteTracer', createFourByteTracer],
  ['noopTracer', createNoopTracer],
])

/** A tracer for one transaction. @throws (-32602) if there is none of this name, or it is a script */
export function createTracer(
  { tracer, tracerConfig, logger }: TraceConfig,
  budget: Budget,
): Tracer {
  if (tracer === undefined) return createStructLogger(logger, budget)
  const create = TRACERS.get(tracer)
  if (create) return create(tracerConfig, budget)
  const names = [...TRACERS.keys()].join(', ')
  const isName = /^\w{1,40}$/.test(tracer)
  const problem = isName
    ? `there is no tracer ${tracer}`
    : 'tracers in JavaScript are not supported'
  throw new JsonRpcError(`${problem}, only ${names}, or none for the struct logger`, -32602)
}
