"""Playbooks that several tests run; they take the variable `folder`."""

WRITE = """
- name: Write
  hosts: localhost
  tasks:
    - name: First
      ansible.builtin.copy: {content: "port = 80\\npassword = hunter2\\n", dest: "{{ folder }}/one.conf", mode: "0640"}
    - name: Second
      ansible.builtin.file: {path: "{{ folder }}/two", state: directory, mode: "0750"}
"""

FAILS = """
- hosts: localhost
  tasks:
    - name: Changes
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/changed", mode: "0600"}
    - name: Looks
      ansible.builtin.uri: {url: "http://127.0.0.1:1/"}
      register: answer
    - name: Breaks
      ansible.builtin.assert: {that: answer.status == 200, fail_msg: "no luck, token=hunter2"}
    - name: Never comes
      ansible.builtin.copy: {content: x, dest: "{{ folder }}/never", mode: "0600"}
"""
