/** Local state on its own: engines, stores and their conformance suite. */
export * from 'millrace-state-stores'
