/* The walk over every combination of a lane's switches (lane_config_check). */
#pragma once

struct walk_result;

void config_walk(struct walk_result *out);
