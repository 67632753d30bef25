/** What a stream thread's worker loads: the recording tracer, whose ids say that the spans were made there. */
import { recordingApi } from '../tracing/recorder.ts'

export default recordingApi
