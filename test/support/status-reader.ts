import type { RecordingLogger } from './recording-logger.js';

/** The pages of an agent or a Citadel that is started in the test, read over its real port. */
export class StatusReader {
  constructor(private readonly logger: RecordingLogger) {}

  /** Code and text of a page. */
  async page(path: string): Promise<{ code: number; text: string }> {
    const { fields } = await this.logger.until('status page open');
    const response = await fetch(`http://${fields.address}${path}`);
    return { code: response.status, text: await response.text() };
  }

  async status(): Promise<Record<string, unknown>> {
    return JSON.parse((await this.page('/status')).text);
  }
}
