/** As much of OpenTelemetry's as docs/streams/tracing.md uses. */
export class NodeSDK {
  constructor(options: { readonly serviceName: string })
  start(): void
}
