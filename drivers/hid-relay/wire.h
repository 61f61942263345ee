/* What USB relay boards of the family "USBRelay" are told and say, docs/protocols/relays.md, as pure functions. */
#ifndef PENRIG_DRIVERS_HID_RELAY_WIRE_H
#define PENRIG_DRIVERS_HID_RELAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HID_RELAY_REPORT_LEN 8
#define HID_RELAY_NAME_LEN   5

/* As hidraw has it: the number of the report, then its bytes. */
#define HID_RELAY_ORDER_LEN (1 + HID_RELAY_REPORT_LEN)
#define HID_RELAY_ASK_LEN   1

struct hid_relay_said {
	char name[HID_RELAY_NAME_LEN + 1]; /* not unique: many boards have the same */
	uint8_t on;                        /* bit i: relay i + 1 */
};

/* How many relays a board has, by its USB strings: 1, 2, 4 or 8; 0: it is no such board, whatever its ids. */
unsigned hid_relay_count(const char *maker, const char *product);

/* relay: from 1 to 8. Returns HID_RELAY_ORDER_LEN; 0: no such relay. */
size_t hid_relay_order(unsigned relay, bool on, uint8_t ret[HID_RELAY_ORDER_LEN]);

/* Asks for the state. Returns HID_RELAY_ASK_LEN. */
size_t hid_relay_ask(uint8_t ret[HID_RELAY_ASK_LEN]);

/* A report that was read, of a board with so many relays; false: it makes no sense. */
bool hid_relay_read(const uint8_t *data, size_t len, unsigned relays, struct hid_relay_said *ret);

#endif
