import { INJECT_OPTIONS } from './inject-options.js';
import { boolean, type Kind, path } from './kinds.js';
import { type ConfigOf, optional, requiredListOf, switchOf } from './option.js';

const manifestFile: Kind<string> = {
  placeholder: 'FILE|-',
  expected: 'a file with manifests, or - for stdin',
  parse: path.parse,
};

/** `sidecert kube-inject`. */
export const KUBE_INJECT_OPTIONS = {
  files: requiredListOf(manifestFile, {
    flag: 'filename',
    short: 'f',
    description: 'manifests in YAML or JSON',
  }),
  output: optional(path, {
    flag: 'output',
    short: 'o',
    description: 'where to write the result; left out, to stdout',
  }),
  isUninject: switchOf(boolean, {
    flag: 'uninject',
    description: 'take out what an injection put in, and put back what it changed',
  }),
  ...INJECT_OPTIONS,
};

export type KubeInjectConfig = ConfigOf<typeof KUBE_INJECT_OPTIONS>;
