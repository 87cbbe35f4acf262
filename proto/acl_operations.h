/* acl_operations.h -- what may be done to a resource, as answers list it for a client that asks: a
 * bit per AclOperation. Without an authorizer that is all that there is for its kind (KIP-430). */
#ifndef PROTO_ACL_OPERATIONS_H
#define PROTO_ACL_OPERATIONS_H

enum acl_operation {
    ACL_READ = 1 << 3,
    ACL_WRITE = 1 << 4,
    ACL_CREATE = 1 << 5,
    ACL_DELETE = 1 << 6,
    ACL_ALTER = 1 << 7,
    ACL_DESCRIBE = 1 << 8,
    ACL_CLUSTER_ACTION = 1 << 9,
    ACL_DESCRIBE_CONFIGS = 1 << 10,
    ACL_ALTER_CONFIGS = 1 << 11,
    ACL_IDEMPOTENT_WRITE = 1 << 12,
};

#define ACL_OF_TOPIC                                                             \
    (ACL_READ | ACL_WRITE | ACL_CREATE | ACL_DELETE | ACL_ALTER | ACL_DESCRIBE | \
     ACL_DESCRIBE_CONFIGS | ACL_ALTER_CONFIGS)
#define ACL_OF_GROUP \
    (ACL_READ | ACL_DELETE | ACL_DESCRIBE | ACL_DESCRIBE_CONFIGS | ACL_ALTER_CONFIGS)
#define ACL_OF_CLUSTER                                                                   \
    (ACL_CREATE | ACL_ALTER | ACL_DESCRIBE | ACL_CLUSTER_ACTION | ACL_DESCRIBE_CONFIGS | \
     ACL_ALTER_CONFIGS | ACL_IDEMPOTENT_WRITE)

#endif
