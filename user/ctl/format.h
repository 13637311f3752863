/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is in the maps, as people write it. Nothing in a map is trusted to be in range or to have an end. */
#ifndef XCARP_CTL_FORMAT_H
#define XCARP_CTL_FORMAT_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <xcarp/abi.h>

#define NAME_TEXT_LEN (XCARP_IFNAME_LEN * 4 + 1)
#define ADDRESS_TEXT_LEN INET6_ADDRSTRLEN
#define SPAN_TEXT_LEN 24
#define CLOCK_TEXT_LEN 40

/* At most len bytes; those that are not printable ASCII become \xNN, which keeps names apart. Returns text. */
char *format_name(const char *bytes, size_t len, char text[NAME_TEXT_LEN]);

char *format_address(uint8_t ip_version, const uint8_t address[16], char text[ADDRESS_TEXT_LEN]);

/* As in struct vr_key. */
char *format_group(uint8_t ip_version, const uint8_t group[4], char text[ADDRESS_TEXT_LEN]);

/* The group that goes without saying. */
bool is_usual_group(uint8_t ip_version, const uint8_t group[4]);

/* 250ms, 3.2s, 42s, 3m05s, 2h07m, 12d03h */
char *format_span(uint64_t ns, char text[SPAN_TEXT_LEN]);

/* 0, 35us, 1.2ms, 3.4s */
char *format_lateness(uint64_t ns, char text[SPAN_TEXT_LEN]);

/* 2026-11-22 03:00:00.123 in local time. */
char *format_clock(uint64_t realtime_ns, char text[CLOCK_TEXT_LEN]);

/* 2026-11-22T03:00:00.123Z */
char *format_utc(uint64_t realtime_ns, char text[CLOCK_TEXT_LEN]);

/* CLOCK_REALTIME now, for a CLOCK_MONOTONIC time of the maps. */
uint64_t clock_realtime_of(uint64_t monotonic_ns);

uint64_t clock_now_ns(clockid_t clock);

const char *state_name(unsigned int state); /* MASTER, BACKUP, INIT; ? */
const char *hold_name(unsigned int hold); /* none, demoted, promoted; ? */

const char *auth_name(unsigned int auth); /* as --auth; ? */
const char *hook_name(unsigned int hook); /* of enum xcarp_hook; ? */

/* A counter of struct xcarp_drops by its place; XCARP_VERDICT_COUNT: ring_full. NULL: there is no such. */
const char *drop_name(unsigned int verdict);

#endif
