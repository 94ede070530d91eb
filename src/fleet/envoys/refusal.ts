/** How a server ends streams that it will never serve as they are. (gRPC, "Status codes and their use") */
export const REFUSALS: ReadonlySet<string> = new Set(
  ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNIMPLEMENTED', 'INVALID_ARGUMENT'].map((status) => `status ${status}`),
);
