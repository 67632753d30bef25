/** Lines of a process for whoever runs it: ids and codes, never what a document says. */
export function say(message: string): void {
  console.log(`${new Date().toISOString()} ${message}`)
}

export function warn(message: string): void {
  console.warn(`${new Date().toISOString()} warning: ${message}`)
}
