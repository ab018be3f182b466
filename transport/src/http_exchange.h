/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_exchange.h - one request on its way, for libcurl's callbacks
 */
#ifndef TRANSPORT_HTTP_EXCHANGE_H
#define TRANSPORT_HTTP_EXCHANGE_H

#include "http.h"

struct http_exchange {
	struct transport_http *http;
	const struct http_request *request;
	struct http_reply *reply;
	struct transport_error *err;
	struct curl_slist *headers;
	uint64_t sent, received;
	int ret; /* why a callback ended it */
};

/** http_on_header() - libcurl's CURLOPT_HEADERFUNCTION: one line of an answer's head; @arg an exchange */
size_t http_on_header(char *data, size_t one, size_t len, void *arg);

#endif
