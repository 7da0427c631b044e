/** Which version of this program wrote a database. */
import type { Tables } from './tables.ts'

/** Of the tables that this version reads and writes. Version 1 kept blocks as JSON. */
export const SCHEMA = 2

/** The schema of a database; undefined if it is empty. */
export function readSchema({ index }: Tables): number | undefined {
  // The first did not say which it is.
  return index.get('schema') ?? (index.get('genesis') ? 1 : undefined)
}

/** @throws if a database is not of the schema of this version; the message says what to do */
export function checkSchema(tables: Tables, datadir: string): void {
  const schema = readSchema(tables)
  if (schema === undefined || schema === SCHEMA) return
  if (schema > SCHEMA) {
    throw new Error(
      `${datadir} has schema ${schema}; this version reads ${SCHEMA}: use a newer one`,
    )
  }
  throw new Error(
    `${datadir} has schema ${schema}, of an older version. Move its blocks to a new folder:\n` +
      `  ethereumjs-op db export blocks.gz --datadir ${datadir}\n` +
      '  ethereumjs-op db import blocks.gz --genesis FILE --datadir NEW',
  )
}
