import { AGENT_OPTIONS } from './agent-options.js';
import { boolean, type Kind, path } from './kinds.js';
import { type ConfigOf, optional, switchOf } from './option.js';
import { socketPath } from './socket-path.js';
import { ownStatusAddress } from './status-options.js';

/** What is wrong with it is for the doctor to say, and not for the reader of its command line. */
const anySocketPath: Kind<string> = {
  ...path,
  parse: (text, files) => socketPath.parse(text, files) ?? path.parse(text, files),
};

/** `sidecert doctor`: those of the agent, so that its command line and its environment can be given as they are. */
export const DOCTOR_OPTIONS = {
  ...AGENT_OPTIONS,
  socket: { ...AGENT_OPTIONS.socket, kind: anySocketPath },
  caRootFiles: { ...AGENT_OPTIONS.caRootFiles, kind: path },
  isWithoutIssue: switchOf(boolean, {
    flag: 'no-issue',
    description: 'do not ask the CA for a certificate; else one is issued, and forgotten at once',
  }),
  envoyAdmin: optional(ownStatusAddress, {
    flag: 'envoy-admin',
    description: 'the admin pages of an Envoy of this machine, to be looked at too: an address, or a Unix socket',
  }),
};

export type DoctorConfig = ConfigOf<typeof DOCTOR_OPTIONS>;
