// A doubly linked list whose links live in its elements: no allocation, O(1) removal from the middle.
//
// One thread. An element derives from ListNode<Tag>, one Tag a list it may be on.
//   1. An element is on at most one list of a Tag.
//   2. An element leaves its list before it is destroyed (asserted).
#pragma once

#include <utility>

#include "base/assert.hpp"

namespace distflow::base {

template <class Tag>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { DF_ASSERT(!is_linked()); }

  [[nodiscard]] bool is_linked() const { return next_ != nullptr; }

  /// Leaves the list it is on; nothing happens when it is on none.
  void unlink() {
    if (!is_linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, class>
  friend class IntrusiveList;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

template <class T, class Tag>
class IntrusiveList {
 public:
  IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    DF_ASSERT(empty());
    head_.next_ = head_.previous_ = nullptr;
  }

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }

  void push_back(T& element) {
    Node& node = element;
    DF_ASSERT(!node.is_linked());
    node.previous_ = head_.previous_;
    node.next_ = &head_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }

  void push_front(T& element) {
    Node& node = element;
    DF_ASSERT(!node.is_linked());
    node.previous_ = &head_;
    node.next_ = head_.next_;
    head_.next_->previous_ = &node;
    head_.next_ = &node;
  }

  /// The first element; the list must not be empty.
  T& front() {
    DF_ASSERT(!empty());
    return static_cast<T&>(*head_.next_);
  }

  T& pop_front() {
    T& element = front();
    static_cast<Node&>(element).unlink();
    return element;
  }

  /// Calls `visit(element)` for each element, first to last. It may take out the element that it is given.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Node* node = head_.next_; node != &head_;) {
      const Node& element = *std::exchange(node, node->next_);
      visit(static_cast<const T&>(element));
    }
  }
  template <class Visit>
  void for_each(Visit visit) {
    for (Node* node = head_.next_; node != &head_;) {
      Node& element = *std::exchange(node, node->next_);
      visit(static_cast<T&>(element));
    }
  }

  /// Moves all elements of `other` to this list's end, keeping their order.
  void take(IntrusiveList& other) {
    while (!other.empty()) push_back(other.pop_front());
  }

 private:
  using Node = ListNode<Tag>;
  Node head_;
};

}  // namespace distflow::base
