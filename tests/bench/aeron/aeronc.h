// What bench/peers uses of Aeron's C client, declared as its own aeronc.h declares it (version 1.50, 2025). A test
// double stands behind it: double.cpp.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AERON_PUBLICATION_NOT_CONNECTED (-1L)
#define AERON_PUBLICATION_BACK_PRESSURED (-2L)
#define AERON_PUBLICATION_ADMIN_ACTION (-3L)
#define AERON_PUBLICATION_ERROR (-6L)

typedef struct aeron_context_stct aeron_context_t;
typedef struct aeron_stct aeron_t;
typedef struct aeron_exclusive_publication_stct aeron_exclusive_publication_t;
typedef struct aeron_subscription_stct aeron_subscription_t;
typedef struct aeron_image_stct aeron_image_t;
typedef struct aeron_header_stct aeron_header_t;
typedef struct aeron_client_registering_resource_stct aeron_async_add_exclusive_publication_t;
typedef struct aeron_client_registering_resource_stct aeron_async_add_subscription_t;

typedef void (*aeron_notification_t)(void* clientd);
typedef void (*aeron_on_available_image_t)(void* clientd, aeron_subscription_t* subscription, aeron_image_t* image);
typedef void (*aeron_on_unavailable_image_t)(void* clientd, aeron_subscription_t* subscription, aeron_image_t* image);
typedef int64_t (*aeron_reserved_value_supplier_t)(void* clientd, uint8_t* buffer, size_t frame_length);
typedef void (*aeron_fragment_handler_t)(void* clientd, const uint8_t* buffer, size_t length, aeron_header_t* header);
typedef void (*aeron_log_func_t)(const char*);

int aeron_context_init(aeron_context_t** context);
int aeron_context_close(aeron_context_t* context);
int aeron_context_set_dir(aeron_context_t* context, const char* value);
int aeron_context_set_pre_touch_mapped_memory(aeron_context_t* context, bool value);
int aeron_context_set_idle_sleep_duration_ns(aeron_context_t* context, uint64_t value);

int aeron_init(aeron_t** client, aeron_context_t* context);
int aeron_start(aeron_t* client);
int aeron_close(aeron_t* client);

int aeron_async_add_exclusive_publication(aeron_async_add_exclusive_publication_t** async, aeron_t* client,
                                          const char* uri, int32_t stream_id);
int aeron_async_add_exclusive_publication_poll(aeron_exclusive_publication_t** publication,
                                               aeron_async_add_exclusive_publication_t* async);
int64_t aeron_exclusive_publication_offer(aeron_exclusive_publication_t* publication, const uint8_t* buffer,
                                          size_t length, aeron_reserved_value_supplier_t reserved_value_supplier,
                                          void* clientd);
bool aeron_exclusive_publication_is_connected(aeron_exclusive_publication_t* publication);
int aeron_exclusive_publication_close(aeron_exclusive_publication_t* publication,
                                      aeron_notification_t on_close_complete, void* on_close_complete_clientd);

int aeron_async_add_subscription(aeron_async_add_subscription_t** async, aeron_t* client, const char* uri,
                                 int32_t stream_id, aeron_on_available_image_t on_available_image_handler,
                                 void* on_available_image_clientd,
                                 aeron_on_unavailable_image_t on_unavailable_image_handler,
                                 void* on_unavailable_image_clientd);
int aeron_async_add_subscription_poll(aeron_subscription_t** subscription, aeron_async_add_subscription_t* async);
int aeron_subscription_poll(aeron_subscription_t* subscription, aeron_fragment_handler_t handler, void* clientd,
                            size_t fragment_limit);
bool aeron_subscription_is_connected(aeron_subscription_t* subscription);
int aeron_subscription_close(aeron_subscription_t* subscription, aeron_notification_t on_close_complete,
                             void* on_close_complete_clientd);

bool aeron_is_driver_active(const char* dirname, int64_t timeout_ms, aeron_log_func_t log_func);
const char* aeron_errmsg(void);

#ifdef __cplusplus
}
#endif
