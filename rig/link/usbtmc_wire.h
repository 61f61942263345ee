/* The bytes of USBTMC 1.00 (USB Test and Measurement Class): bulk headers and class requests. Pure; no state, no I/O.
 */
#ifndef PENRIG_LINK_USBTMC_WIRE_H
#define PENRIG_LINK_USBTMC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USBTMC_HEADER   12
#define USBTMC_PAD(len) (((len) + 3U) & ~(size_t)3U) /* transfers are padded to 4 bytes */

enum usbtmc_message {
	USBTMC_DEV_DEP_MSG_OUT = 1,
	USBTMC_REQUEST_DEV_DEP_MSG_IN = 2,
	USBTMC_DEV_DEP_MSG_IN = 2, /* the answer carries the request's number */
};

enum usbtmc_request {
	USBTMC_INITIATE_ABORT_BULK_OUT = 1,
	USBTMC_CHECK_ABORT_BULK_OUT_STATUS = 2,
	USBTMC_INITIATE_ABORT_BULK_IN = 3,
	USBTMC_CHECK_ABORT_BULK_IN_STATUS = 4,
	USBTMC_INITIATE_CLEAR = 5,
	USBTMC_CHECK_CLEAR_STATUS = 6,
	USBTMC_GET_CAPABILITIES = 7,
};

enum usbtmc_status {
	USBTMC_STATUS_SUCCESS = 0x01,
	USBTMC_STATUS_PENDING = 0x02,
	USBTMC_STATUS_FAILED = 0x80,
	USBTMC_STATUS_TRANSFER_NOT_IN_PROGRESS = 0x81,
	USBTMC_STATUS_SPLIT_NOT_IN_PROGRESS = 0x82,
	USBTMC_STATUS_SPLIT_IN_PROGRESS = 0x83,
};

#define USBTMC_REQUEST_INTERFACE 0xa1 /* bmRequestType: class, interface, IN */
#define USBTMC_REQUEST_ENDPOINT  0xa2 /* class, endpoint, IN */
#define USBTMC_EOM               0x01

struct usbtmc_in {
	uint8_t tag;
	uint32_t size; /* payload bytes that follow, without padding */
	bool eom;
};

/* 1, 2, … 255, 1: zero is no tag. */
uint8_t usbtmc_next_tag(uint8_t tag);

/* A whole message; `buf` holds USBTMC_HEADER + USBTMC_PAD(len). Returns its length. */
size_t usbtmc_put_out(uint8_t *buf, uint8_t tag, const uint8_t *text, size_t len);

/* The 12 bytes that ask for up to max_len bytes of answer. */
size_t usbtmc_put_request(uint8_t buf[USBTMC_HEADER], uint8_t tag, uint32_t max_len);

/* Header of an answer: 0, or -EPROTO when it is none (wrong message, tag and its inverse disagree, no payload). */
int usbtmc_get_in(const uint8_t buf[USBTMC_HEADER], struct usbtmc_in *ret);

#endif
