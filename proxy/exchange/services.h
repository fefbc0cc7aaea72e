// SPDX-License-Identifier: Apache-2.0
// What a worker lends to the filters for the length of one call. A filter owns none of it.
// Thread: one loop; each member says how it is shared.
#pragma once

namespace edgehold {

class CallDesk;
class Counters;
class JsonPool;
class Ledger;
class Loop;
class Random;
class RuleEngines;
class HoldDesk;

struct Services {
  Loop& loop;                 // this worker's
  Random& random;             // this worker's
  JsonPool& json;             // this worker's
  Counters& counters;         // shared by all workers, synchronised inside
  Ledger& ledger;             // shared by all workers, synchronised inside; answers on `loop`
  RuleEngines& rules;         // this worker's Lua states
  HoldDesk& holds;            // shared; writes holds to the ledger
  CallDesk* calls = nullptr;  // this worker's; its station sets it
};

}  // namespace edgehold
