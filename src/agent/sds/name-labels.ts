/** The one label of all names that are not configured. */
const OTHER_NAME = 'other';

/**
 * What a resource name is called in metrics and status. Only names that were configured have one of their own: a label
 * taken from requests would let any peer fill our memory, and that of the metrics collector.
 */
export class NameLabels {
  private readonly configured: ReadonlySet<string>;

  constructor(configured: readonly string[]) {
    this.configured = new Set(configured);
  }

  of(name: string): string {
    return this.configured.has(name) ? name : OTHER_NAME;
  }

  /** All that there can be. */
  all(): readonly string[] {
    return [...this.configured, OTHER_NAME];
  }
}
