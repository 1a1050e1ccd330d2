/*
 * What each path of the API does. The request was judged before: its session's form, its proof, its
 * body. Each answers and ends the exchange, now or later. Loop's thread.
 */
#pragma once

#include "gateway/console/exchange.h"

void handle_post_login(struct exchange *x, const char *path);
void handle_post_logout(struct exchange *x, const char *path);
void handle_get_session(struct exchange *x, const char *path);
void handle_post_act(struct exchange *x, const char *path);
void handle_post_emergency_raise(struct exchange *x, const char *path);
void handle_get_board(struct exchange *x, const char *path);
void handle_get_stream(struct exchange *x, const char *path);
void handle_get_pictures(struct exchange *x, const char *path);
