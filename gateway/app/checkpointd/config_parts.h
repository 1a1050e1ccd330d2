/*
 * What the files that read checkpointd.yaml share: the sections of its parts, and the checks that
 * need the whole. Internal to config*.c.
 */
#pragma once

#include "gateway/app/checkpointd/config.h"

extern const struct config_name config_parities[];         /* "none" 'N', "even" 'E', "odd" 'O' */
extern const struct config_section config_bus_section;     /* struct bus_options */
extern const struct config_section config_device_section;  /* struct config_device */
extern const struct config_section config_lane_section;    /* struct config_lane */
extern const struct config_section config_camera_section;  /* struct config_camera */
extern const struct config_section config_display_section; /* struct config_display */

/* Reads the profiles the devices name, and gives a device without wiring that of its profile. */
int config_find_profiles(struct checkpointd_config *config, const struct config_at *at,
                         struct err_text *err) MUST_CHECK;
/* What a lane can do with the devices it has. */
int config_check_lanes(struct checkpointd_config *config, const struct config_at *at,
                       struct err_text *err) MUST_CHECK;
/* Each camera's lane, bus and line. Notes the lanes that have a camera of their own. */
int config_check_cameras(struct checkpointd_config *config, const struct config_at *at,
                         struct err_text *err) MUST_CHECK;
/* Each display's lane and line. */
int config_check_displays(const struct checkpointd_config *config, const struct config_at *at,
                          struct err_text *err) MUST_CHECK;
/* That each profile file named by a camera or a display is there. */
int config_check_profile_files(const struct checkpointd_config *config, const struct config_at *at,
                               struct err_text *err) MUST_CHECK;
/* No camera looks at two lanes. */
int config_check_roles(const struct checkpointd_config *config, const struct config_at *at,
                       struct err_text *err) MUST_CHECK;
