/**
 * fleet: thousands of fake Envoys against any SDS socket, from one process, cheap enough not to be the bottleneck: gRPC
 * calls over Unix sockets (`calls/`, `sockets/`), the few fields of SDS (`xds/`), the Envoys (`envoys/`), what they
 * got held to what it should be (`checks/`), and what is made of it (`measure/`, `report/`). And callers of a CA
 * (`ca/`), who ask for certificates as fast as it gives them, or at a rate.
 */
export { CaLoadDisplay } from './ca/ca-load-display.js';
export type { CaLoadOptions } from './ca/ca-load-options.js';
export type { CaLoadReport } from './ca/ca-load-report.js';
export { caLoadText } from './ca/ca-load-text.js';
export { type CaLoadDependencies, runCaLoad, writeCaLoadReports } from './ca/run-ca-load.js';
export { FleetDisplay } from './display.js';
export type { FleetObserver, FleetOptions, FleetState, Misbehaviour } from './fleet-options.js';
export type { FleetReport, RotationReport } from './report/fleet-report.js';
export { textReport } from './report/text-report.js';
export { type FleetDependencies, type FleetRun, runFleet, writeReports } from './run-fleet.js';
