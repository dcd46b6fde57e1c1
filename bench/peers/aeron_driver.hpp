// The broker of Aeron: its media driver, aeronmd, in a directory of its own.
#pragma once

namespace distflow::bench {

/// Starts aeronmd in a new directory below /dev/shm, or else below the system's temporary folder, says `ready
/// DIRECTORY`, and stays with it: at SIGTERM, and at its own parent's death, it ends the driver by its pid, removes the
/// directory and ends. It also ends when the driver does. Directories of brokers that were killed are removed first:
/// those that are locked by nobody, neither broker nor driver.
///
/// Settings, by their names in aeronmd.h. A variable that is set already stays as it is, except AERON_DIR.
///   AERON_THREADING_MODE = SHARED              conductor, sender and receiver on one thread: IPC passes none of them
///   AERON_SHARED_IDLE_STRATEGY = sleeping      for 20 ms. Two processors are taken by the two ends, which spin; each
///                                              wake of the driver is a delay for one of them. It raises the limit
///                                              up to which a publication may write: half a term, which lasts 40 ms at
///                                              five million round trips a second
///   AERON_TERM_BUFFER_SPARSE_FILE = 0          as in Aeron's low-latency.properties: no page fault while messages flow
///   AERON_IPC_TERM_BUFFER_LENGTH               64 MiB, the default: three for each of two publications, 384 MiB
///   AERON_DIR_DELETE_ON_SHUTDOWN = 1
/// Where a processor is left for the driver, AERON_SHARED_IDLE_STRATEGY=noop spins, as Aeron's own aeron-ipc.properties
/// does; but it does so while others are measured, too.
[[noreturn]] void become_aeron_driver();

}  // namespace distflow::bench
