import { Hono } from 'hono/tiny'
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from 'prom-client'
import type { Endpoint } from '../options.ts'
import { type Listener, listen } from '../rpc/server.ts'

/** What a registry holds, as it is sent between threads. */
export type MetricsJSON = MetricObjectWithValues<MetricValue<string>>[]

/** Where a thread's metrics come from; nothing if it does not answer. */
export type MetricsSource = () => Promise<MetricsJSON | undefined>

/** Paths at which Prometheus looks, by convention and in geth. */
const PATHS = ['/metrics', '/debug/metrics/prometheus']

/**
 * Serves the metrics of all threads.
 *
 * @throws if it cannot listen
 */
export function serveMetrics(endpoint: Endpoint, sources: MetricsSource[]): Promise<Listener> {
  const http = new Hono()
  http.onError((_error, context) => context.text('the metrics cannot be read', 500))
  for (const path of PATHS) {
    http.get(path, async (context) => {
      const found = await Promise.all(sources.map((read) => read()))
      const registry = AggregatorRegistry.aggregate(found.filter((metrics) => metrics) as object[])
      return context.body(await registry.metrics(), 200, { 'content-type': registry.contentType })
    })
  }
  return listen({ ...endpoint, http })
}
