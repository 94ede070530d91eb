import { resolve } from 'node:path';

const VERSION = '6.0.3';

/** A reader of YAML 1.1, for what people's tools make of a bootstrap. */
export const PYYAML = {
  name: `PyYAML ${VERSION}`,
  directory: resolve('.cache/pyyaml', VERSION),
  packages: [`PyYAML==${VERSION}`],
};
