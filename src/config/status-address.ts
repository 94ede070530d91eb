import { statusAddress } from './kinds.js';
import { optional } from './option.js';

/** The same setting for agent and Citadel. Off unless asked for: one more port is one more door. */
export const STATUS_ADDRESS = optional(statusAddress, {
  flag: 'status-address',
  description:
    'where to serve /metrics, /healthz/ready, /healthz/live and /status over plain HTTP, to whoever may connect: an address, or a Unix socket (made with mode 0660); left out, nowhere',
});
